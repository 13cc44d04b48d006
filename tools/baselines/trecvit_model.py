"""TRecViT (arXiv 2412.14294) in plain PyTorch, written as someone who knows PyTorch would write it for speed.

Time-major activations, merged projections, library attention; torch.compile per pair of blocks: the pairs share one
compilation, and their borders cost under 1 % by bytes. Letters: T frames, B clips or streams, N tokens of a frame with CLS
first, C channels, R channels of the recurrence, rows = B*N.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Size:
    """C, L, H, M, R, and the picture in pixels."""

    width: int
    depth: int
    heads: int
    mlp: int
    lru: int
    height: int
    columns: int
    classes: int
    head: int = 3072
    patch: int = 16

    @property
    def patches(self):
        return (self.height // self.patch) * (self.columns // self.patch)


class BoundedSqrt(torch.autograd.Function):
    """sqrt whose gradient is at most 1000 (recurrentgemma)."""

    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return torch.sqrt(u)

    @staticmethod
    def backward(ctx, grad):
        (u,) = ctx.saved_tensors
        return grad * 0.5 * torch.rsqrt(torch.clamp_min(u, 1 / (4 * 1000**2)))


def scan_loop(a, b, h):
    """h_t = a_t h_{t-1} + b_t over the first dimension, one step after the other."""
    out = []
    for decay, inflow in zip(a.unbind(0), b.unbind(0)):
        h = decay * h + inflow
        out.append(h)
    return torch.stack(out)


def scan_doubling(a, b, h):
    """The same in log2(T) passes over everything."""
    b = torch.cat([(b[0] + a[0] * h)[None], b[1:]])
    reach = 1
    while reach < b.shape[0]:
        b = torch.cat([b[:reach], b[reach:] + a[reach:] * b[:-reach]])
        a = torch.cat([a[:reach], a[reach:] * a[:-reach]])
        reach *= 2
    return b


def scan_associative(a, b, h):
    """The same by PyTorch's own prototype; for torch.compile."""
    from torch._higher_order_ops.associative_scan import associative_scan

    def combine(left, right):
        return left[0] * right[0], right[0] * left[1] + right[1]

    b = torch.cat([(b[0] + a[0] * h)[None], b[1:]])
    return associative_scan(combine, (a, b), dim=0, combine_mode="pointwise")[1]


SCANS = {"loop": scan_loop, "doubling": scan_doubling, "associative": scan_associative}


class TemporalBlock(nn.Module):
    """x + the gated LRU of Griffin on RMSNorm(x), over T, for every row."""

    def __init__(self, size, scan):
        super().__init__()
        self.heads, self.lru, self.scan = size.heads, size.lru, scan
        block = size.lru // size.heads
        self.scale = nn.Parameter(torch.zeros(size.width))
        self.linear_xy = nn.Linear(size.width, 2 * size.lru)
        self.conv_w = nn.Parameter(torch.randn(4, size.lru) * 0.05)
        self.conv_b = nn.Parameter(torch.zeros(size.lru))
        self.gate_w = nn.Parameter(torch.randn(size.heads, block, 2 * block) * block**-0.5)  # input gate | a gate
        self.gate_b = nn.Parameter(torch.zeros(size.heads, 1, 2 * block))
        self.a_param = nn.Parameter(torch.linspace(-4.0, 0.5, size.lru))
        self.linear_out = nn.Linear(size.lru, size.width)

    def forward(self, x, reset, h0, conv0):
        # x [T, B, N, C]; reset [T, rows, 1] bool; h0 [rows, R] fp32 and conv0 [3, rows, R] are overwritten, or None.
        frames, rows = x.shape[0], x.shape[1] * x.shape[2]
        wide = x.float()
        u = (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6) * (1 + self.scale.float())).to(x.dtype)
        z, y = self.linear_xy(u).view(frames, rows, -1).chunk(2, -1)

        before = conv0 if conv0 is not None else z.new_zeros(3, rows, self.lru)
        line = torch.cat([before, z])
        conv = sum(line[s : s + frames] * self.conv_w[s] for s in range(4)) + self.conv_b
        conv = conv.to(z.dtype)

        by_block = conv.reshape(frames * rows, self.heads, -1).transpose(0, 1)
        logits = torch.bmm(by_block, self.gate_w.to(conv.dtype)).float() + self.gate_b.float()
        i, r = torch.sigmoid(logits).chunk(2, -1)
        i, r = (gate.transpose(0, 1).reshape(frames, rows, self.lru) for gate in (i, r))
        log_a = -8.0 * r * F.softplus(self.a_param.float())
        a = torch.exp(log_a).masked_fill(reset, 0.0)
        m = BoundedSqrt.apply(-torch.expm1(2 * log_a)).masked_fill(reset, 1.0)
        h = self.scan(a, m * i * conv.float(), h0 if h0 is not None else a.new_zeros(rows, self.lru))
        out = (h * F.gelu(y.float(), approximate="tanh")).to(x.dtype)
        if h0 is not None:
            h0.copy_(h[-1])
            conv0.copy_(line[-3:])
        return x + self.linear_out(out).view(x.shape)


class SpatialBlock(nn.Module):
    """Attention and MLP among the tokens of a frame."""

    def __init__(self, size):
        super().__init__()
        self.heads = size.heads
        self.norm_0, self.norm_1 = nn.LayerNorm(size.width, eps=1e-6), nn.LayerNorm(size.width, eps=1e-6)
        self.qkv, self.out = nn.Linear(size.width, 3 * size.width), nn.Linear(size.width, size.width)
        self.dense_0, self.dense_1 = nn.Linear(size.width, size.mlp), nn.Linear(size.mlp, size.width)

    def forward(self, x):
        frames, batch, tokens, width = x.shape
        qkv = self.qkv(self.norm_0(x)).view(frames * batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        x = x + self.out(mixed)
        return x + self.dense_1(F.gelu(self.dense_0(self.norm_1(x)), approximate="tanh"))


class Pair(nn.Module):
    def __init__(self, size, scan):
        super().__init__()
        self.temporal, self.spatial = TemporalBlock(size, scan), SpatialBlock(size)

    def forward(self, x, reset, h0, conv0):
        return self.spatial(self.temporal(x, reset, h0, conv0))


class Embed(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.patch = size.patch
        self.linear = nn.Linear(size.patch**2 * 3, size.width)
        self.position = nn.Parameter(torch.randn(1, size.patches, size.width) * size.width**-0.5)
        self.cls = nn.Parameter(torch.zeros(1, 1, size.width))

    def forward(self, video):  # [T, B, H, W, 3] uint8 or fp32 in [0, 1]
        frames, batch, height, columns, _ = video.shape
        p = self.patch
        cut = video.view(frames, batch, height // p, p, columns // p, p, 3).transpose(3, 4)
        cut = cut.reshape(frames, batch, -1, p * p * 3)
        pixels = cut.float() / 255 if video.dtype == torch.uint8 else cut
        tokens = self.linear(pixels.to(self.linear.weight.dtype))
        tokens = tokens + self.position.to(tokens.dtype)
        return torch.cat([self.cls.to(tokens.dtype).expand(frames, batch, 1, -1), tokens], 2)


class Head(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.norm = nn.LayerNorm(size.width, eps=1e-6)
        self.pre_logits, self.cls_head = nn.Linear(size.width, size.head), nn.Linear(size.head, size.classes)

    def forward(self, x, total, count):
        # The running sum total [B, head] and the numbers of frames count [B, 1] take these frames in, or are None.
        features = torch.tanh(self.pre_logits(self.norm(x[:, :, 0]))).float()
        if total is None:
            mean = features.mean(0)
        else:
            total.add_(features.sum(0))
            count.add_(x.shape[0])
            mean = total / count
        return self.cls_head(mean.to(self.cls_head.weight.dtype)).float()


class Memory:
    """What the model knows of B streams."""

    def __init__(self, size, streams, device, dtype):
        rows = streams * (size.patches + 1)
        self.h = [torch.zeros(rows, size.lru, device=device) for _ in range(size.depth)]
        self.conv = [torch.zeros(3, rows, size.lru, device=device, dtype=dtype) for _ in range(size.depth)]
        self.total = torch.zeros(streams, size.head, device=device)
        self.count = torch.zeros(streams, 1, device=device)


class TRecViT(nn.Module):
    def __init__(self, size, scan=scan_loop):
        super().__init__()
        self.size = size
        self.embed, self.head = Embed(size), Head(size)
        self.pairs = nn.ModuleList(Pair(size, scan) for _ in range(size.depth))

    def forward(self, video, memory=None):
        """Logits [B, classes]: of clips, or with a memory of all frames that the streams have seen."""
        x = self.embed(video)
        frames, batch, tokens = x.shape[:3]
        first = torch.arange(frames, device=x.device).view(-1, 1, 1) == 0
        if memory is None:
            reset = first.expand(frames, batch * tokens, 1)
        else:
            reset = first & (memory.count == 0).repeat_interleave(tokens, 0, output_size=batch * tokens)
        for n, pair in enumerate(self.pairs):
            x = pair(x, reset, memory.h[n] if memory else None, memory.conv[n] if memory else None)
        return self.head(x, memory.total if memory else None, memory.count if memory else None)

    def in_bf16(self):
        """For inference: all but the recurrence's decay."""
        decays = [pair.temporal.a_param.detach().float() for pair in self.pairs]
        self.to(torch.bfloat16)
        for pair, decay in zip(self.pairs, decays):
            pair.temporal.a_param = nn.Parameter(decay)
        return self

    def compiled(self, mode):
        for part in (self.embed, *self.pairs, self.head):
            part.compile(dynamic=False, mode=mode)
        return self


@torch.no_grad()
def load_official(model, arrays):
    """Fills the model from arrays under the official names."""

    def put(parameter, value):
        parameter.copy_(torch.as_tensor(value).reshape(parameter.shape))

    def linear(layer, *names):
        merged = [torch.as_tensor(arrays[n + "/kernel"]).reshape(layer.in_features, -1) for n in names]
        put(layer.weight, torch.cat(merged, 1).T)
        put(layer.bias, torch.cat([torch.as_tensor(arrays[n + "/bias"]).flatten() for n in names]))

    def norm(layer, name):
        put(layer.weight, arrays[name + "/scale"])
        put(layer.bias, arrays[name + "/bias"])

    linear(model.embed.linear, "tokenizer/embedding")
    put(model.embed.position, arrays["tokenizer/pos_embedding"])
    put(model.embed.cls, arrays["tokenizer/cls"])
    for n, pair in enumerate(model.pairs):
        t, name = pair.temporal, f"encoder/residualblock_{n:02}"
        put(t.scale, arrays[name + "/temporal_pre_norm/scale"])
        name += "/recurrent_block"
        linear(t.linear_xy, name + "/linear_x", name + "/linear_y")
        linear(t.linear_out, name + "/linear_out")
        put(t.conv_w, arrays[name + "/conv_1d/w"])
        put(t.conv_b, arrays[name + "/conv_1d/b"])
        gates = [name + "/rg_lru/input_gate", name + "/rg_lru/a_gate"]
        put(t.gate_w, torch.cat([torch.as_tensor(arrays[g + "/w"]) for g in gates], -1))
        put(t.gate_b, torch.cat([torch.as_tensor(arrays[g + "/b"]) for g in gates], -1))
        put(t.a_param, arrays[name + "/rg_lru/a_param"])
        s, name = pair.spatial, f"encoder/encoderblock_{n}"
        norm(s.norm_0, name + "/LayerNorm_0")
        norm(s.norm_1, name + "/LayerNorm_1")
        attention = name + "/MultiHeadDotProductAttention_0/"
        linear(s.qkv, attention + "query", attention + "key", attention + "value")
        put(s.out.weight, torch.as_tensor(arrays[attention + "out/kernel"]).flatten(0, 1).T)
        put(s.out.bias, arrays[attention + "out/bias"])
        linear(s.dense_0, name + "/MlpBlock_0/Dense_0")
        linear(s.dense_1, name + "/MlpBlock_0/Dense_1")
    norm(model.head.norm, "encoder/encoder_norm")
    linear(model.head.pre_logits, "decoder/pre_logits")
    linear(model.head.cls_head, "decoder/cls_head")
