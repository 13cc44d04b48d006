# Torch::Torch, of the LibTorch in TORCH_ROOT. TorchConfig.cmake is not used: it insists on a CUDA toolkit of its own liking
# even for the CPU libraries.
add_library(torch_target INTERFACE)
target_include_directories(torch_target SYSTEM INTERFACE
  ${TORCH_ROOT}/include ${TORCH_ROOT}/include/torch/csrc/api/include)
target_link_directories(torch_target INTERFACE ${TORCH_ROOT}/lib)
target_link_options(torch_target INTERFACE -Wl,-rpath,${TORCH_ROOT}/lib)
# libtorch.so exports a std::filesystem of its own whose remove_all() calls a null pointer; the C++ library has to come first.
target_link_libraries(torch_target INTERFACE -Wl,--no-as-needed stdc++ -Wl,--as-needed)
set(TRECVIT_TORCH_CUDA OFF)
if(TRECVIT_HAS_CUDA AND EXISTS ${TORCH_ROOT}/lib/libtorch_cuda.so)
  set(TRECVIT_TORCH_CUDA ON)
  # Nothing refers to libtorch_cuda.so by symbol; it registers its operators when it is loaded.
  target_link_libraries(torch_target INTERFACE
    -Wl,--no-as-needed torch_cuda c10_cuda -Wl,--as-needed torch torch_cpu c10 CUDA::cudart)
  target_compile_definitions(torch_target INTERFACE TRECVIT_TORCH_CUDA)
  foreach(library cublas cudnn cuda_runtime cusparse cufft curand cusolver cuda_cupti nvjitlink nccl)
    if(IS_DIRECTORY ${TORCH_ROOT}/../nvidia/${library}/lib)
      target_link_options(torch_target INTERFACE -Wl,-rpath-link,${TORCH_ROOT}/../nvidia/${library}/lib)
    endif()
  endforeach()
  if(IS_DIRECTORY ${TORCH_ROOT}/../nvidia/cu13/lib)
    target_link_options(torch_target INTERFACE -Wl,-rpath-link,${TORCH_ROOT}/../nvidia/cu13/lib)
  endif()
else()
  target_link_libraries(torch_target INTERFACE torch_cpu c10)
endif()
add_library(Torch::Torch ALIAS torch_target)
