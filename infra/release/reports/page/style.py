"""The style of a page: the reader's own fonts and colour scheme, and nothing cut off on paper."""

STYLE = """\
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de;
  --v0: #1f6feb; --v1: #c2570c; --v2: #6e40aa; --v3: #3a7d44; --bad: #b3261e; --fine: #1a6b33; --panel: #f6f8fa }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --soft: #a3adb8; --line: #3d444d;
  --v0: #6cb0ff; --v1: #f2a15f; --v2: #c6a5f7; --v3: #7fd18c; --bad: #ff9b93; --fine: #7fd18c; --panel: #161b22 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.2rem; margin: 2rem 0 .25rem }
a { color: var(--v0) }
.made, .tick, figcaption { color: var(--soft) }
.unfinished { border: 2px solid var(--bad); padding: .5rem 1rem }
.ending { font-weight: 600 } .bad { color: var(--bad) } .fine { color: var(--fine) }
.detail { overflow-wrap: anywhere }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: .25rem 1rem; margin: .5rem 0 }
dt { color: var(--soft); font-size: .85rem } dd { margin: 0; overflow-wrap: anywhere }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .6rem; text-align: left; font-weight: inherit }
thead th { color: var(--soft); font-size: .85rem }
.n { text-align: right; font-variant-numeric: tabular-nums }
figure { margin: 1rem 0; padding: .75rem; background: var(--panel); border: 1px solid var(--line) }
figure > svg { width: 100%; height: auto; display: block }
.bar { width: 100%; min-width: 6rem; height: .6rem; display: block } .key { width: .8em; height: .8em }
.v0 { fill: var(--v0) } .v1 { fill: var(--v1) } .v2 { fill: var(--v2) } .v3 { fill: var(--v3) }
.harm { fill: var(--bad) }
.axis { fill: none; stroke: var(--line) }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink) } svg .tick { fill: var(--soft) }
path.mark { stroke: var(--soft); stroke-dasharray: 4 3; fill: none }
path.alarm, path.stop { stroke: var(--bad); stroke-dasharray: none; stroke-width: 2 }
path.rollback { stroke: var(--bad) } path.whole { stroke: var(--fine) }
.legend, .marks { list-style: none; padding: 0; margin: .25rem 0; font-size: .9rem }
.legend li { display: inline-block; margin-right: 1.5rem }
@media print { body { max-width: none; padding: 0 } .release { break-inside: avoid-page } figure { background: none }
  a { color: inherit } }
"""
