// How a picture looks, by day and by night.

export const PICTURE_STYLE = `
:root {
  --ground: #fbfaf8; --card: #ffffff; --ink: #1d2126; --soft: #626b75; --line: #e3e1dc; --track: #f1efeb;
  --good: #1f8a5b; --warn: #b7791f; --bad: #c8372d;
  --warn-fill: #f2c56b; --bad-fill: #ec7a6f;
  --hue-0: #a9d7c0; --hue-1: #a8cbe8; --hue-2: #cbbfe6; --hue-3: #d9d3b0;
  --on-fill: #1d2126;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171a; --card: #1b1f23; --ink: #e7e9ea; --soft: #9aa4ae; --line: #2c3238; --track: #23282d;
    --good: #5cc796; --warn: #e0a84a; --bad: #f0756a;
    --warn-fill: #a8742a; --bad-fill: #b8443a;
    --hue-0: #2e6b50; --hue-1: #2f5878; --hue-2: #564a7d; --hue-3: #625c38;
    --on-fill: #f4f5f5;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 3.5rem) 4rem; max-width: 100rem;
  background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
header { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: center; justify-content: space-between; }
h1 { margin: 0; font-size: 1.75rem; letter-spacing: -.01em; line-height: 1.2; }
.place { margin: .35rem 0 0; color: var(--soft); }
.verdict { margin: 0; padding: .45rem 1rem; border-radius: 2rem; font-weight: 600; border: 1.5px solid; }
.verdict.met { color: var(--good); } .verdict.missed { color: var(--bad); }
section { margin-top: 1.75rem; padding: 1.25rem 1.5rem 1.5rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
h2 { margin: 0 0 1rem; font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; color: var(--soft); font-weight: 600; }
.lanes { position: relative; font-size: .82rem; }
.lane, .overlay { display: grid; grid-template-columns: 11rem 1fr; align-items: center; }
.lane { min-height: 1.75rem; }
.lane .name { padding-right: 1rem; text-align: right; color: var(--soft); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.lane.heading .name { color: var(--ink); font-weight: 600; padding-top: .6rem; grid-column: 1 / -1; text-align: left; }
.lane .track { position: relative; height: 1.4rem; background: var(--track); border-radius: .3rem; }
.lane.axis { height: 3.1rem; align-items: end; margin-bottom: .3rem; }
.lane.axis .track { background: none; height: 100%; border-bottom: 1px solid var(--line); border-radius: 0; }
.tick { position: absolute; bottom: .15rem; padding-left: .35rem; border-left: 1px solid var(--line); color: var(--soft); font-style: normal; font-size: .75rem; font-variant-numeric: tabular-nums; }
.pin { position: absolute; top: 0; transform: translateX(-50%); padding: .05rem .5rem; border-radius: 1rem; font-style: normal; font-weight: 600; font-size: .75rem; white-space: nowrap; background: var(--card); border: 1.5px solid; }
.pin.bad, .events .bad b { color: var(--bad); } .pin.good, .events .good b { color: var(--good); } .pin.warn, .events .warn b { color: var(--warn); }
.window { position: absolute; top: 0; bottom: 0; min-width: 3px; padding: 0 .5rem; border-radius: .3rem; color: var(--on-fill); line-height: 1.4rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.window:not(:has(b)) { padding: 0; }
.window.plain { background: var(--line); } .window.warn, .legend .warn { background: var(--warn-fill); } .window.bad, .legend .bad { background: var(--bad-fill); }
.hue-0 { background: var(--hue-0); } .hue-1 { background: var(--hue-1); } .hue-2 { background: var(--hue-2); } .hue-3 { background: var(--hue-3); }
.track em { position: absolute; top: 0; padding: 0 .5rem; line-height: 1.4rem; font-style: normal; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; color: var(--soft); }
em.bad { color: var(--bad); } em.warn { color: var(--warn); }
.overlay { position: absolute; inset: 1.7rem 0 0; pointer-events: none; }
.overlay .track { position: relative; height: 100%; }
.overlay .mark { position: absolute; top: 0; bottom: 0; border-left: 1.5px dashed; opacity: .55; }
.mark.bad { color: var(--bad); } .mark.good { color: var(--good); } .mark.warn { color: var(--warn); }
.cursor { position: absolute; top: 1.4rem; bottom: 0; border-left: 1px solid var(--ink); opacity: .7; display: none; }
.cursor b { position: absolute; bottom: -1.5rem; transform: translateX(-50%); padding: 0 .4rem; border-radius: .3rem; background: var(--ink); color: var(--ground); font: 600 .75rem/1.35rem system-ui, sans-serif; white-space: nowrap; }
.legend { margin: 1.6rem 0 0 11rem; color: var(--soft); font-size: .78rem; }
.legend i { display: inline-block; width: .8rem; height: .8rem; margin: 0 .4rem 0 1rem; border-radius: .2rem; vertical-align: -.1rem; } .legend i:first-child { margin-left: 0; }
ol { list-style: none; margin: 0; padding: 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); gap: .25rem 2.5rem; }
.facts li { display: grid; grid-template-columns: 1.4rem 2.6rem 1fr; gap: .25rem; padding: .7rem 0; border-top: 1px solid var(--line); }
.facts .mark { font-weight: 700; } .facts .met .mark { color: var(--good); } .facts .missed .mark, .facts .missed .seen { color: var(--bad); }
.facts .number { color: var(--soft); font-variant-numeric: tabular-nums; font-weight: 600; }
.facts h3 { margin: 0; font-size: .95rem; } .facts p { margin: .15rem 0 0; } .facts .expected { color: var(--soft); font-size: .87rem; }
time { color: var(--soft); font-weight: 400; font-size: .8rem; font-variant-numeric: tabular-nums; margin-left: .4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .9rem; text-align: right; border-top: 1px solid var(--line); white-space: nowrap; }
thead th { border: 0; color: var(--soft); font-weight: 500; font-size: .82rem; } th:first-child { text-align: left; padding-left: 0; } .nought { color: var(--soft); opacity: .6; }
.events li { display: grid; grid-template-columns: 5rem 8rem 1fr; gap: .5rem; padding: .3rem 0; } .events time { margin: 0; line-height: 1.5rem; }
@media (max-width: 46rem) {
  .lane, .overlay { grid-template-columns: 6.5rem 1fr; } .legend { margin-left: 0; }
  .events li { grid-template-columns: 4rem 1fr; } .events span { grid-column: 2; }
  section { padding: 1rem; }
}
@media print { body { padding: 0; } section { break-inside: avoid; } .cursor { display: none !important; } }
`
