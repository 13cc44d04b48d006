"""Times LibTorch's attention on the sizes of docs/benchmarks.md: median microseconds of CUDA events, bf16.

q, k and v are views of the packed product [frames, N, 3, H, D], as the model has them. `forward` ends with the
[frames, N, C] rows that the next product reads, `backward` with the gradient of the packed product.

  python3 tools/baselines/attention.py
"""

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

SIZES = [(256, 197, 12, 64), (128, 197, 12, 64), (32, 197, 12, 64), (8, 197, 12, 64), (256, 257, 12, 64)]
BACKENDS = {"flash": SDPBackend.FLASH_ATTENTION, "cuDNN": SDPBackend.CUDNN_ATTENTION}


def median_us(work, runs=11, warm=3):
    times = []
    for run in range(warm + runs):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) * 1e3)
    return sorted(times[warm:])[runs // 2]


def rows_of(packed):
    q, k, v = packed.permute(2, 0, 3, 1, 4)
    return scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def main():
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}")
    for frames, tokens, heads, width in SIZES:
        packed = torch.randn(frames, tokens, 3, heads, width, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        weights = torch.randn(frames, tokens, heads * width, device="cuda", dtype=torch.bfloat16)
        for name, backend in BACKENDS.items():
            with sdpa_kernel(backend):
                forward = median_us(lambda: rows_of(packed))
                rows = rows_of(packed)
                backward = median_us(lambda: torch.autograd.grad(rows, packed, weights, retain_graph=True))
            print(f"{frames:4} x {heads} x {tokens} x {width}  {name:6}"
                  f" forward {forward:8.1f} us  backward {backward:8.1f} us")


if __name__ == "__main__":
    main()
