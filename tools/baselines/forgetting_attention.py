"""Times the peers of forgetting attention: median microseconds of CUDA events, bf16, batch 1, 12 heads of 64.

PyTorch's causal attention without gates (flash, cuDNN), and parallel_forgetting_attn of flash-linear-attention where
that package is installed; q and k are normalised to norm 8, gate logits drawn from N(0, 1).

  python3 tools/baselines/forgetting_attention.py
"""

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import logsigmoid, normalize, scaled_dot_product_attention

SIZES = [(1, 16384), (1, 4096), (197, 1024), (1576, 32)]
HEADS, WIDTH = 12, 64
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


def report(rows, length, name, function, arguments, dout):
    try:
        with torch.no_grad():
            forward = median_us(lambda: function(*arguments))
        out = function(*arguments)
        backward = median_us(lambda: torch.autograd.grad(out, arguments, dout, retain_graph=True))
        print(f"{rows:5} x {HEADS} x {length:5}  {name:6} forward {forward:8.1f} us  backward {backward:8.1f} us", flush=True)
    except Exception as error:  # a peer that does not run here
        print(f"{rows:5} x {HEADS} x {length:5}  {name:6} {type(error).__name__}: {str(error)[:200]}", flush=True)


def causal(q, k, v):
    return scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2),
                                        is_causal=True).transpose(1, 2)


def main():
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}")
    try:
        from fla.ops.forgetting_attn import parallel_forgetting_attn
    except ImportError as error:
        parallel_forgetting_attn = None
        print(f"flash-linear-attention is left out: {error}")
    for rows, length in SIZES:
        def draw(norm):
            x = torch.randn(rows, length, HEADS, WIDTH, device="cuda")
            return (8 * normalize(x, dim=-1) if norm else x).bfloat16().requires_grad_(True)

        q, k, v, dout = draw(True), draw(True), draw(False), draw(False).detach()
        for name, backend in BACKENDS.items():
            with sdpa_kernel(backend):
                report(rows, length, name, causal, [q, k, v], dout)
        if parallel_forgetting_attn:
            g = logsigmoid(torch.randn(rows, length, HEADS, device="cuda")).requires_grad_(True)
            report(rows, length, "fla", parallel_forgetting_attn, [q, k, v, g], dout)


if __name__ == "__main__":
    main()
