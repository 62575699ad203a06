// Page style: how the page of a violation looks, by day and by night.

export const pageStyle = `
:root { --back: #fff; --text: #1b1f24; --faint: #667; --line: #d5d9de; --ok: #cfe3fb; --refused: #e4e6e9; --doubt: #fdebc0; --seen: #d6f0d8;
  --mark: #c62828; --wrong: #fdecea }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171b; --text: #e3e6ea; --faint: #98a0aa; --line: #333a42; --ok: #1d4063; --refused: #33383f; --doubt: #5a4612;
    --seen: #1e4a27; --mark: #ff6b5e; --wrong: #3a1d1c }
}
* { box-sizing: border-box }
body { margin: 1.5rem; background: var(--back); color: var(--text); font: 14px/1.45 system-ui, sans-serif }
h1 { font-size: 1.3rem } h2 { font-size: 1rem; margin: 0.3rem 0 }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 12px/1.5 ui-monospace, monospace }
.violation { border-left: 4px solid var(--mark); background: var(--wrong); padding: 0.4rem 0.8rem; margin: 0.6rem 0 }
.violation.unknown { border-color: var(--doubt); background: none }
.legend span { margin-right: 1.2rem; color: var(--faint) }
.legend .bar { position: static; display: inline-block; width: 2rem; height: 0.9rem; margin-right: 0.4rem; vertical-align: middle }
.timeline { overflow-x: auto; border: 1px solid var(--line) }
.lane { display: flex; width: max-content; min-width: 100%; border-bottom: 1px solid var(--line) }
.lane > b { position: sticky; left: 0; z-index: 2; width: 14rem; flex: none; padding: 3px 8px; background: var(--back); font-weight: 500;
  border-right: 1px solid var(--line); overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.lane > div { position: relative; flex: none }
.axis > div { height: 22px } .axis span { position: absolute; top: 2px; font-size: 11px; color: var(--faint); white-space: nowrap }
.bar { position: absolute; height: 22px; margin: 2px; padding: 0 4px; border-radius: 3px; overflow: hidden; white-space: nowrap;
  font: 11px/22px ui-monospace, monospace; color: var(--text); text-decoration: none }
.bar:hover, .bar:focus, .bar:target { outline: 2px solid var(--text); z-index: 1 }
.ok { background: var(--ok) } .refused, .ended { background: var(--refused) } .seen { background: var(--seen) }
.doubt { background: repeating-linear-gradient(-45deg, var(--doubt) 0 8px, transparent 8px 10px); border: 1px dashed var(--doubt) }
.bar.open { border-right: 0; border-radius: 3px 0 0 3px }
.marked { box-shadow: 0 0 0 2px var(--mark) }
.list { font: 12px/1.6 ui-monospace, monospace; overflow-wrap: anywhere }
.list a { color: inherit; text-decoration: none }
.list li { background: none; border: 0; padding: 0 4px }
.list li.marked { box-shadow: inset 3px 0 var(--mark); background: var(--wrong) }
.list li:target { outline: 2px solid var(--text) }
`
