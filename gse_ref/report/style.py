"""The look of every page: one column on a phone, light and dark as the reader's system asks."""

from __future__ import annotations

#: Series colours: distinct in both lights and for the colour-blind (after Okabe & Ito); lines differ in marker too.
CSS = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --raised: #f4f5f7; --ink: #1c2128; --soft: #57606a; --faint: #c9ced6;
  --good: #116329; --bad: #b3261e; --link: #0a5bb5;
  --series-1: #0a6cbf; --series-2: #c75000; --series-3: #00806a; --series-4: #a8438a;
  --series-5: #7a6200; --series-6: #3d4752; --series-7: #2f8fc4; --series-8: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --raised: #1e232a; --ink: #e6e9ee; --soft: #a3adb9; --faint: #3c444f;
    --good: #5fd07a; --bad: #ff8a80; --link: #7ab8ff;
    --series-1: #6db3f2; --series-2: #ff9c57; --series-3: #4fd1b5; --series-4: #e59ccb;
    --series-5: #e0c65a; --series-6: #b9c2cd; --series-7: #8fd3f7; --series-8: #ff8a80;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
header, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 0.5rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.25rem 0 0.75rem; }
p, ul, dl, pre, .scroll, figure { margin: 0 0 1rem; }
p, li, dd { max-width: 46rem; }
h1, h2, p, li, dd, a { overflow-wrap: anywhere; }
.lead { color: var(--soft); }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; }
a { color: var(--link); }
nav a { display: inline-block; padding: 0.35rem 0; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
.scroll { overflow-x: auto; border: 1px solid var(--faint); border-radius: 0.4rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0.6rem 0.75rem; color: var(--soft); }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.75rem; border-top: 1px solid var(--faint); }
thead th { background: var(--raised); white-space: nowrap; }
tbody th { font-weight: 600; white-space: nowrap; }
td { white-space: nowrap; }
td.prose { white-space: normal; min-width: 18rem; }
pre { background: var(--raised); padding: 0.75rem; border-radius: 0.4rem; overflow-x: auto; font-size: 0.85rem; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
dl { display: grid; gap: 0.35rem 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
dt { color: var(--soft); font-size: 0.85rem; }
dd { margin: 0; }
.figures { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(27rem, 100%), 1fr)); }
figure svg { display: block; width: 100%; height: auto; font-family: inherit; }
figcaption { color: var(--soft); font-size: 0.9rem; margin-top: 0.4rem; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
footer { color: var(--soft); font-size: 0.85rem; padding-top: 1rem; padding-bottom: 2rem; }
@media print { nav { display: none; } .scroll { overflow: visible; } }
""".strip()
