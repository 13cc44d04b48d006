#include "report/page_assets.h"

namespace trecvit::report {

const char* const kPageScript = R"js(
'use strict';
const dataOf = figure => JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
const short = v => v === null || v === undefined ? '–' : String(Number(Number(v).toPrecision(5)));
const element = (tag, name, words) => { const e = document.createElement(tag); if (name) e.className = name; if (words !== undefined) e.textContent = words; return e; };

for (const figure of document.querySelectorAll('.lines')) {
  const data = dataOf(figure), plot = figure.querySelector('.plot'), readout = figure.querySelector('.readout');
  const paths = [...plot.querySelectorAll('svg path')], buttons = [...figure.querySelectorAll('.legend button')];
  const line = element('div', 'line'); line.hidden = true; plot.append(line);
  const dots = paths.map(path => { const dot = element('i', 'dot ' + path.getAttribute('class')); dot.hidden = true; plot.append(dot); return dot; });
  const shown = buttons.map(() => true);
  const across = v => (v - data.x[0]) / (data.x[1] - data.x[0]);
  const up = v => data.log ? Math.log(v / data.y[0]) / Math.log(data.y[1] / data.y[0]) : (v - data.y[0]) / (data.y[1] - data.y[0]);
  const nearest = (xs, x) => { let low = 0, high = xs.length - 1;
    while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] <= x) low = middle; else high = middle; }
    return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high; };
  const places = [...new Set(data.series.flatMap(s => s.x))].filter(x => x !== null).sort((a, b) => a - b);
  let at = -1;
  const show = index => {
    if (!places.length) return;
    at = Math.max(0, Math.min(places.length - 1, index));
    const x = places[at];
    line.hidden = false; line.style.left = 100 * across(x) + '%';
    readout.replaceChildren(element('b', '', (data.xLabel ? data.xLabel + ' ' : '') + short(x)));
    data.series.forEach((s, i) => {
      const k = s.x.length ? nearest(s.x, x) : -1, y = k < 0 ? null : s.y[k];
      // A series that has ended or not begun has no value here.
      const here = shown[i] && y !== null && x >= s.x[0] && x <= s.x[s.x.length - 1] && !(data.log && y <= 0);
      dots[i].hidden = !here;
      if (!here) return;
      dots[i].style.left = 100 * across(s.x[k]) + '%'; dots[i].style.top = 100 * (1 - up(y)) + '%';
      const item = element('span', paths[i].getAttribute('class'));
      item.append(element('i', 'swatch-dot'), s.name + ' ' + short(y));
      readout.append(item);
    });
  };
  const hide = () => { line.hidden = true; dots.forEach(dot => dot.hidden = true); };
  const byPointer = event => { const box = plot.getBoundingClientRect();
    show(nearest(places, data.x[0] + (event.clientX - box.left) / box.width * (data.x[1] - data.x[0]))); };
  plot.addEventListener('pointermove', byPointer);
  plot.addEventListener('pointerdown', byPointer);
  plot.addEventListener('pointerleave', event => { if (event.pointerType === 'mouse') hide(); });
  plot.addEventListener('keydown', event => {
    const far = Math.max(1, Math.round(places.length / 20));
    const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, PageDown: at - far, PageUp: at + far, Home: 0, End: places.length - 1 };
    if (event.key === 'Escape') hide();
    if (!(event.key in steps)) return;
    event.preventDefault(); show(steps[event.key]);
  });
  buttons.forEach((button, i) => button.addEventListener('click', () => {
    shown[i] = !shown[i]; button.setAttribute('aria-pressed', shown[i]); paths[i].style.display = shown[i] ? '' : 'none';
    if (at >= 0 && !line.hidden) show(at);
  }));
}

const pick = (id, row, column, words) => {
  const section = document.getElementById(id);
  if (!section) return;
  const clips = [...section.querySelectorAll('.clip')], cell = row + ',' + column;
  const some = row === null || clips.some(clip => clip.dataset.cell === cell);
  for (const clip of clips) clip.hidden = row !== null && clip.dataset.cell !== cell;
  section.querySelector('[data-do="all"]').hidden = row === null;
  section.querySelector('.picked').textContent = row === null ? '' : (some ? '' : 'No clip in this report: ') + words;
  if (row !== null) section.scrollIntoView();
};

for (const figure of document.querySelectorAll('.matrix')) {
  const data = dataOf(figure), svg = figure.querySelector('.cells svg'), readout = figure.querySelector('.readout'), cursor = figure.querySelector('.cursor');
  const n = data.labels.length, counts = new Map(data.cells.map(([r, a, count]) => [r * n + a, count]));
  let row = 0, column = 0;
  const words = () => { const count = counts.get(row * n + column) || 0, total = data.totals[row];
    return data.labels[row] + ' → ' + data.labels[column] + ': ' + count + ' of ' + total + (total ? ' (' + Math.round(100 * count / total) + ' %)' : ''); };
  const show = (r, c) => {
    if (!n) return;
    row = Math.max(0, Math.min(n - 1, r)); column = Math.max(0, Math.min(n - 1, c));
    cursor.setAttribute('x', column); cursor.setAttribute('y', row); cursor.setAttribute('visibility', 'visible');
    readout.textContent = words();
  };
  const byPointer = event => { const box = svg.getBoundingClientRect();
    show(Math.floor((event.clientY - box.top) / box.height * n), Math.floor((event.clientX - box.left) / box.width * n)); };
  const open = () => { if (data.clips) pick(data.clips, row, column, words()); };
  svg.addEventListener('pointermove', byPointer);
  svg.addEventListener('click', event => { byPointer(event); open(); });
  svg.addEventListener('focus', () => { if (svg.matches(':focus-visible')) show(row, column); });
  svg.addEventListener('keydown', event => {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.key === 'Enter') open();
    if (!(event.key in steps)) return;
    event.preventDefault(); show(row + steps[event.key][0], column + steps[event.key][1]);
  });
}

for (const section of document.querySelectorAll('.clips')) {
  const play = section.querySelector('[data-do="play"]');
  const films = () => [...section.querySelectorAll('.clip:not([hidden]) video')];
  play.hidden = !films().length;
  play.addEventListener('click', () => {
    const playing = play.textContent === 'Pause all';
    play.textContent = playing ? 'Play all' : 'Pause all';
    for (const film of films()) { if (playing) film.pause(); else film.play().catch(() => {}); }
  });
  section.querySelector('[data-do="all"]').addEventListener('click', () => pick(section.id, null, null, ''));
  for (const film of section.querySelectorAll('video')) film.addEventListener('error', () => {
    const clip = film.closest('.clip'), still = element('img');
    still.src = film.poster; still.alt = 'first frame';
    film.replaceWith(still);
    clip.querySelector('figcaption').append(element('span', 'note', 'This browser cannot play the clip; its first frame is shown.'));
  });
}
)js";

}  // namespace trecvit::report
