#include "report/page_assets.h"

namespace trecvit::report {

const char* const kPageStyle = R"css(
:root { color-scheme: light dark;
  --paper: #fcfcfb; --raised: #ffffff; --ink: #1b1c1e; --soft: #5c6066; --rule: #dcdee1; --accent: #2563b0; --focus: #d9480f;
  --good: #15803d; --bad: #b42318;
  --c0: #2563b0; --c1: #c2570c; --c2: #15803d; --c3: #a21caf; --c4: #b42318; --c5: #0e7490; --c6: #854d0e; --c7: #4b5563; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #15171a; --raised: #1d2024; --ink: #e8eaed; --soft: #a3a9b1; --rule: #363b42; --accent: #7ab3f5; --focus: #ffb066;
  --good: #6fd08c; --bad: #f28b82;
  --c0: #7ab3f5; --c1: #f5a25d; --c2: #6fd08c; --c3: #d78be8; --c4: #f28b82; --c5: #5fd0e0; --c6: #e0b86a; --c7: #b6bcc6; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0 auto; padding: 1.5rem clamp(0.9rem, 3vw, 2rem) 4rem; max-width: 68rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; } h2 { font-size: 1.25rem; margin: 2.5rem 0 0.75rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 0.5rem; } p { margin: 0.5rem 0; max-width: 44rem; }
.subtitle, .hint, small, caption { color: var(--soft); }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.1rem; list-style: none; margin: 0.8rem 0 0; padding: 0; } a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 2px; }
button { font: inherit; font-size: 0.9rem; color: inherit; background: var(--raised); border: 1px solid var(--rule); border-radius: 6px; padding: 0.25rem 0.7rem; cursor: pointer; }
button:hover { border-color: var(--accent); }
figure { margin: 0; } figcaption { font-weight: 600; }
.chart { margin: 1.5rem 0; } .number { text-align: right; font-variant-numeric: tabular-nums; }
.key-figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 0.6rem; margin: 1rem 0; }
.key-figures div { background: var(--raised); border: 1px solid var(--rule); border-radius: 8px; padding: 0.6rem 0.8rem; display: flex; flex-direction: column; }
.key-figures dt { color: var(--soft); font-size: 0.85rem; } .key-figures dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: 1rem 0; } table { border-collapse: collapse; font-size: 0.93rem; min-width: min(100%, 24rem); }
caption { text-align: left; padding-bottom: 0.35rem; } th, td { text-align: left; padding: 0.3rem 0.9rem 0.3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { font-weight: 600; } th.number, td.number { text-align: right; white-space: nowrap; }
details { margin: 0.75rem 0; } summary { cursor: pointer; color: var(--accent); }
pre { background: var(--raised); border: 1px solid var(--rule); border-radius: 8px; padding: 0.8rem; overflow-x: auto; font-size: 0.85rem; line-height: 1.4; }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
.c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); }
.lines svg path { fill: none; stroke: var(--c); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.lines svg path.dashed, .lines svg.dashed path { stroke-dasharray: 6 5; }
.legend { display: flex; flex-wrap: wrap; gap: 0.3rem 0.5rem; list-style: none; padding: 0; margin: 0.4rem 0; }
.legend button { display: flex; align-items: center; gap: 0.4rem; max-width: 100%; text-align: left; } .legend button[aria-pressed="false"] { opacity: 0.45; text-decoration: line-through; }
.swatch { width: 24px; height: 6px; flex: none; }
.axis-name { font-size: 0.85rem; color: var(--soft); margin: 0.2rem 0; } .axis-name.x { text-align: right; max-width: none; margin-top: 1.7rem; }
.plot { position: relative; height: clamp(11rem, 34vw, 20rem); margin: 0.6rem 0.6rem 0 3.6rem; border-bottom: 1px solid var(--soft); touch-action: pan-y; cursor: crosshair; }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.plot .grid i { position: absolute; left: 0; right: 0; border-top: 1px solid var(--rule); }
.tick { position: absolute; font-size: 0.8rem; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.tick.y { right: calc(100% + 0.5rem); transform: translateY(-50%); } .tick.x { top: calc(100% + 0.3rem); transform: translateX(-50%); }
.plot .line { position: absolute; top: 0; bottom: 0; border-left: 1px dashed var(--soft); pointer-events: none; }
.plot .dot { position: absolute; width: 9px; height: 9px; margin: -4.5px; border-radius: 50%; background: var(--c); border: 1.5px solid var(--paper); pointer-events: none; }
.readout { min-height: 1.5em; font-size: 0.9rem; max-width: none; font-variant-numeric: tabular-nums; display: flex; flex-wrap: wrap; gap: 0 1rem; }
.readout .swatch-dot { display: inline-block; width: 0.65em; height: 0.65em; border-radius: 50%; background: var(--c); margin-right: 0.35em; }
.bars dl { margin: 0.5rem 0; display: grid; gap: 0.3rem; } .bars dl > div { display: grid; grid-template-columns: minmax(6rem, 18rem) 1fr; gap: 0 0.8rem; align-items: center; }
.bars dt { font-size: 0.9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.bars dd { margin: 0; display: flex; align-items: center; gap: 0.6rem; min-width: 0; } .bars .track { flex: 1; min-width: 3rem; height: 0.85rem; background: var(--rule); border-radius: 3px; overflow: hidden; }
.bars .track i { display: block; height: 100%; background: var(--accent); } .bars .value { flex: none; min-width: 3.2rem; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
.matrix .cells { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0.25rem 0.5rem; max-width: 46rem; } .matrix svg { grid-column: 2; width: 100%; aspect-ratio: 1; border: 1px solid var(--rule); background: var(--raised); cursor: pointer; }
.matrix .names { display: flex; flex-direction: column; list-style: none; margin: 0; padding: 1px 0; max-width: 15rem; font-size: clamp(0.5rem, 1.4vw, 0.82rem); color: var(--soft); }
.matrix .columns { grid-column: 2; display: flex; list-style: none; margin: 0; padding: 0 1px; font-size: clamp(0.5rem, 1.4vw, 0.82rem); color: var(--soft); }
.matrix .columns li { flex: 1; min-width: 0; text-align: center; line-height: 1; }
.matrix .names li { flex: 1; display: flex; align-items: center; justify-content: flex-end; gap: 0.5em; min-height: 0; line-height: 1; overflow: hidden; }
.matrix .names span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; line-height: 1.3; } .matrix .names b { font-weight: 400; font-variant-numeric: tabular-nums; }
.matrix path { shape-rendering: crispEdges; } .matrix path.right { fill: var(--c0); } .matrix path.wrong { fill: var(--c1); }
.l1 { fill-opacity: 0.16; } .l2 { fill-opacity: 0.28; } .l3 { fill-opacity: 0.4; } .l4 { fill-opacity: 0.52; } .l5 { fill-opacity: 0.64; } .l6 { fill-opacity: 0.76; } .l7 { fill-opacity: 0.88; } .l8 { fill-opacity: 1; }
.matrix text { font-size: 0.36px; text-anchor: middle; dominant-baseline: central; fill: var(--ink); pointer-events: none; } .matrix text.strong { fill: var(--paper); }
.matrix .cursor { fill: none; stroke: var(--focus); stroke-width: 2; vector-effect: non-scaling-stroke; pointer-events: none; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: start; } .pictures figure { max-width: 100%; } .pictures img { max-width: 100%; height: auto; display: block; border-radius: 4px; }
.pictures figcaption, .clip figcaption { font-weight: 400; font-size: 0.88rem; color: var(--soft); margin-top: 0.25rem; }
.films { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); gap: 1rem; }
.clip video, .clip img { width: 100%; aspect-ratio: 4 / 3; object-fit: contain; background: #000; display: block; border-radius: 4px; border-top: 4px solid var(--rule); }
.clip.right video, .clip.right img { border-top-color: var(--good); } .clip.wrong video, .clip.wrong img { border-top-color: var(--bad); }
.clip .verdict { color: var(--ink); } .clip.right .verdict { color: var(--good); } .clip.wrong .verdict { color: var(--bad); } .clip .note { display: block; }
@media (max-width: 600px) { body { padding-top: 1rem; } .matrix .names span { display: none; } .bars dl > div { grid-template-columns: 1fr; } .bars dl { gap: 0.6rem; }
  .bars dt { white-space: normal; } .films { grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 0.7rem; } .plot { margin-left: 3.1rem; } }
@media print { button, nav { display: none; } .chart, .clip { break-inside: avoid; } }
)css";

}  // namespace trecvit::report
