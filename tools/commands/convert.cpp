#include <charconv>
#include <memory>

#include "core/log.h"
#include "io/model_conversion.h"
#include "tools/cli/config_options.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  std::string in, out, from, to, labels, image, input_range = "minus-one-one";
  ConfigOptions config;
  bool strict = false, resize_positions = false, json = false;
};

// "224x384": height, then width, in pixels.
void parse_image(const std::string& given, std::int64_t& height, std::int64_t& width) {
  const char* end = given.data() + given.size();
  const auto first = std::from_chars(given.data(), end, height);
  const bool crossed = first.ec == std::errc() && first.ptr != end && *first.ptr == 'x';
  const auto second = crossed ? std::from_chars(first.ptr + 1, end, width) : first;
  if (!crossed || second.ec != std::errc() || second.ptr != end || height < 1 || width < 1)
    throw UsageError("--image is ", given, "; it must be HEIGHTxWIDTH in pixels, such as 224x224");
}

std::string kind_of(const std::filesystem::path& path) {
  return path.extension() == ".npz" ? "jax-npz" : "safetensors";
}

// "2: a, b", or "0".
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 4;
  std::string out = text(names.size());
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) out += (i ? ", " : ": ") + names[i];
  return names.size() > kShown ? out + ", ..." : out;
}

void tell(const ConvertOptions& done, const ConvertReport& report) {
  const ModelConfig& c = report.config;
  std::vector<std::vector<std::string>> rows = {
      {"written", done.out.string()},
      {"model", text(c.variant, ", width ", c.width, ", ", c.depth, " pairs of blocks, LRU width ", c.mixer.gated_lru.lru_width, ", ",
                     c.classes, " classes, ", report.parameters, " parameters")},
      {"picture", text(c.image_height, " x ", c.image_width)},
      {"loaded", text(report.loaded.size())},
      {"missing", listed(report.missing)},
      {"unexpected", listed(report.unexpected)},
      {"reshaped", listed(report.reshaped)}};
  if (!report.naming.empty()) {
    rows.push_back({"initialised", text(report.initialised.size(), " of recurrence and head")});
    rows.push_back({"left out", listed(report.left_out)});
    rows.push_back({"names", report.naming});
  }
  log_info("converted " + done.in.string() + "\n" + text_table(rows));
}

ExitCode run(const Options& o) {
  ConvertOptions wanted{.in = o.in,
                        .out = o.out,
                        .from = o.from.empty() ? kind_of(o.in) : o.from,
                        .to = o.to.empty() ? kind_of(o.out) : o.to,
                        .labels = o.labels,
                        .strict = o.strict,
                        .resize_positions = o.resize_positions,
                        .input_range = parse_input_range(o.input_range)};
  if (!o.image.empty()) parse_image(o.image, wanted.image_height, wanted.image_width);
  if (wanted.from == "vit") {
    const Config config = o.config.resolve().config;
    wanted.model = config.model;
    wanted.seed = static_cast<std::uint64_t>(config.seed);
    wanted.preprocessing = {.size = config.data.size,
                            .frames = config.data.frames,
                            .stride = config.data.stride,
                            .fps = config.data.fps,
                            .sampling = config.data.sampling,
                            .short_clip = config.data.short_clip};
  }
  const ConvertReport report = convert(wanted);
  tell(wanted, report);
  if (o.json)
    print_json({{"in", o.in},
                {"out", o.out},
                {"from", wanted.from},
                {"to", wanted.to},
                {"naming", report.naming},
                {"variant", report.config.variant},
                {"parameters", report.parameters},
                {"classes", report.config.classes},
                {"labels", report.labels},
                {"image", {report.config.image_height, report.config.image_width}},
                {"loaded", report.loaded},
                {"missing", report.missing},
                {"unexpected", report.unexpected},
                {"reshaped", report.reshaped},
                {"initialised", report.initialised},
                {"left_out", report.left_out}});
  return ExitCode::kDone;
}

}  // namespace

void add_convert(CLI::App& app, VerbContext& context) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  CLI::App& verb = add_verb(app, context, "convert", "model files into one another; a TRecViT from an ImageNet ViT",
                            [options] { return run(*options); });
  verb.add_option("IN", o.in, "official .npz, .safetensors, a checkpoint folder, or an image model")->required();
  verb.add_option("OUT", o.out, "a .safetensors or an .npz")->required();
  verb.add_option("--from", o.from, "jax-npz | safetensors | vit (an image model of timm, Hugging Face or big_vision)");
  verb.add_option("--to", o.to, "safetensors | jax-npz");
  verb.add_option("--labels", o.labels, "class names by index: .json list or object, or .txt with one a line");
  verb.add_option("--image", o.image, "the picture the model sees, when it is not square")->type_name("HxW");
  verb.add_flag("--resize-positions", o.resize_positions, "interpolate the positions for another number of patches");
  verb.add_option("--input-range", o.input_range,
                  "what the image model was fed: zero-one | minus-one-one | imagenet (mean and deviation)");
  verb.add_flag("--strict", o.strict, "anything missing, unexpected or reshaped is an error");
  verb.add_flag("--json", o.json, "the report as JSON: loaded missing unexpected reshaped ...");
  o.config.add_to(verb);
  o.config.shortcut(verb, "--variant", "model.variant", "with --from vit: mu | Ti | S | B | L");
}

}  // namespace trecvit::tools
