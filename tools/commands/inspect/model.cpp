#include <memory>

#include "io/model_file.h"
#include "model/cost.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

std::string picture_of(const ModelFile& file) {
  const ModelConfig& c = file.config;
  if (!file.picture_known())
    return text(c.patches(), " patches of ", c.patch, " x ", c.patch, "; the file does not tell how they lie");
  return text(c.image_height, " x ", c.image_width, " in patches of ", c.patch,
              file.described ? "" : text(", if it is square: the file tells only that there are ", c.patches()));
}

std::string clips_of(const ModelFile& file) {
  const Preprocessing& p = file.preprocessing;
  return text(p.frames, " frames, ", p.sampling, p.sampling == "dense" ? text(", stride ", p.stride) : "",
              p.fps > 0 ? text(", of ", p.fps, " a second") : "",
              file.described ? "" : " (the default; the file does not tell)");
}

ExitCode run(const std::string& path, bool json) {
  const ModelFile file = read_model(path);
  const ModelConfig& c = file.config;
  std::int64_t parameters = 0;
  for (const auto& [name, array] : file.arrays) parameters += array.count();
  const std::int64_t state_bytes = stream_state_bytes(c);
  const Preprocessing& p = file.preprocessing;
  if (json) {
    const bool known = file.picture_known();
    print_json({{"file", path},
                {"variant", c.variant},
                {"parameters", parameters},
                {"width", c.width},
                {"depth", c.depth},
                {"heads", c.heads},
                {"mlp_width", c.mlp_width},
                {"lru_width", c.mixer.gated_lru.lru_width},
                {"head_width", c.head_width},
                {"classes", c.classes},
                {"patch", c.patch},
                {"patches", c.patches()},
                {"image", known ? Json{c.image_height, c.image_width} : Json()},
                {"described", file.described},
                {"labels", file.labels.size()},
                {"state_bytes", state_bytes},
                {"preprocessing",
                 {{"size", known ? Json(p.size) : Json()},
                  {"frames", p.frames},
                  {"stride", p.stride},
                  {"fps", p.fps},
                  {"sampling", p.sampling},
                  {"short_clip", p.short_clip}}}});
    return ExitCode::kDone;
  }
  print(text_table({{"file", path},
               {"variant", c.variant},
               {"parameters", text(parameters)},
               {"width", text(c.width)},
               {"depth", text(c.depth, " pairs of blocks")},
               {"heads", text(c.heads)},
               {"MLP width", text(c.mlp_width)},
               {"LRU width", text(c.mixer.gated_lru.lru_width)},
               {"classes", text(c.classes, file.labels.empty() ? ", without names" : ", named")},
               {"picture", picture_of(file)},
               {"clips", clips_of(file)},
               {"stream's state", text(state_bytes, " bytes in fp32")}}));
  return ExitCode::kDone;
}

}  // namespace

void add_inspect_model(CLI::App& group, VerbContext& context) {
  struct Options {
    std::string path;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(group, context, "model", "architecture, size and classes of a model",
                            [options] { return run(options->path, options->json); });
  verb.add_option("FILE", options->path, ".safetensors, official .npz or a checkpoint folder")->required();
  verb.add_flag("--json", options->json, "as JSON: parameters width depth heads lru_width classes state_bytes ...");
}

}  // namespace trecvit::tools
