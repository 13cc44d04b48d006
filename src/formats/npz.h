// Named arrays in a NumPy .npz file: a zip archive of .npy members. Published TRecViT checkpoints are such files.
#pragma once

#include <filesystem>

#include "core/array.h"

namespace trecvit {

// All arrays, by member name without ".npy" ("encoder/encoder_norm/scale"). Every member's CRC-32 is checked. Values of
// stored members alias the mapped file where they lie aligned; the file must not be changed while they are in use.
// Members may be stored or deflated, in any order; see npy.h for dtypes. Error, naming file and member: not a zip
// archive, truncated, damaged, encrypted, other compression, overlapping members, two members of one name, a name that
// is a path trick, a declared size that no deflate stream can reach (over 1100 times the compressed size), anything
// npy.h refuses.
NamedArrays read_npz(const std::filesystem::path& path);

// A stored (uncompressed) archive, as numpy.savez writes it, members in the order of their names. The same arrays
// always give the same bytes. Appears at `path` complete or not at all. Error: a name that read_npz() would refuse, a
// full disk.
void write_npz(const std::filesystem::path& path, const NamedArrays& arrays);

}  // namespace trecvit
