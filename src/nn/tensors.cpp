#include "nn/tensors.h"

#include <cstring>

#include "core/error.h"

namespace trecvit {
namespace {

constexpr std::pair<Dtype, at::ScalarType> kTypes[] = {
    {Dtype::kBool, at::kBool},   {Dtype::kU8, at::kByte},     {Dtype::kI8, at::kChar},  {Dtype::kI16, at::kShort},
    {Dtype::kI32, at::kInt},     {Dtype::kI64, at::kLong},    {Dtype::kU16, at::kUInt16}, {Dtype::kU32, at::kUInt32},
    {Dtype::kU64, at::kUInt64},  {Dtype::kF16, at::kHalf},    {Dtype::kBF16, at::kBFloat16},
    {Dtype::kF32, at::kFloat},   {Dtype::kF64, at::kDouble},
};

}  // namespace

at::Tensor to_tensor(const Array& array) {
  for (const auto& [file, torch] : kTypes) {
    if (file != array.dtype) continue;
    at::Tensor tensor = at::empty(array.shape, torch);
    if (array.bytes() > 0) std::memcpy(tensor.data_ptr(), array.data.get(), array.bytes());
    return tensor;
  }
  throw InternalError("no tensor type for ", dtype_name(array.dtype));
}

Array to_array(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kCPU).contiguous();
  for (const auto& [file, torch] : kTypes) {
    if (torch != flat.scalar_type()) continue;
    std::byte* bytes = nullptr;
    Array array = allocate_array(file, flat.sizes().vec(), &bytes);
    if (array.bytes() > 0) std::memcpy(bytes, flat.data_ptr(), array.bytes());
    return array;
  }
  throw InternalError("no file type for ", toString(flat.scalar_type()));
}

void check_saved_tensor(const std::string& name, const NamedArrays& arrays, const at::Tensor& wanted) {
  const auto found = arrays.find(name);
  if (found == arrays.end()) throw Error("the saved state has no '", name, "'; it belongs to another model");
  const at::Tensor saved = to_tensor(found->second);
  if (saved.sizes() != wanted.sizes())
    throw Error("'", name, "' of the saved state has the shape ", shape_text(found->second.shape), "; this model needs ",
                shape_text(wanted.sizes().vec()));
  if (saved.is_floating_point() != wanted.is_floating_point())
    throw Error("'", name, "' of the saved state is ", dtype_name(found->second.dtype), "; this model needs ",
                toString(wanted.scalar_type()));
}

}  // namespace trecvit
