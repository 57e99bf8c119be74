-- SPDX-License-Identifier: MIT
--- The style of a report, and the hash by which its page allows this style and no other.
-- @module predibase.bulk.report.page_style

local M = {}

--- The SHA-256 of `CSS` in Base64, for the Content-Security-Policy. The spec of the report compares
-- them, and says what to write here.
M.HASH = "gSJj9oqKgFpMjPGlpydWS5212nwCd1bPmlWf7ryLq7Q="

--- The style.
M.CSS = [[
:root{color-scheme:light dark;--page:#fafaf8;--panel:#fff;--text:#1d2026;--soft:#565d68;
--line:#dcdfe4;--a:#2a67a5;--b:#cf6a17;--good:42,103,165;--bad:207,106,23}
@media (prefers-color-scheme:dark){:root{--page:#121418;--panel:#1a1d23;--text:#e9ebef;
--soft:#a7aeb9;--line:#353b45;--a:#5a9bdc;--b:#ffb46a;--good:90,155,220;--bad:255,180,106}}
@media print{:root{color-scheme:light;--page:#fff;--panel:#fff;--text:#111;--soft:#444;
--line:#ccc;--a:#2a67a5;--b:#cf6a17;--good:42,103,165;--bad:207,106,23}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:68rem;margin:0 auto;padding:2rem 1rem 4rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:0 0 1rem}
h3{font-size:1rem;margin:1.6rem 0 .6rem}
p{margin:.4rem 0}
h3,p,dd{overflow-wrap:anywhere}
.soft,figcaption,caption,.legend{color:var(--soft)}
section{background:var(--panel);border:1px solid var(--line);border-radius:10px;
padding:1.2rem;margin-top:1.2rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:1rem 1.4rem;
margin:0}
.tiles div{min-width:0}
.tiles dt{color:var(--soft);font-size:.85rem}
.tiles dd{margin:0;font-size:1.45rem;line-height:1.3;font-variant-numeric:tabular-nums}
.tiles dd.more{font-size:.85rem;color:var(--soft)}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr));
gap:1rem 2rem}
.pair>*,.three>*{min-width:0}
.three{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(17rem,100%),1fr));
gap:.4rem 1.6rem}
figure{margin:0 0 1rem}
figcaption{margin-bottom:.4rem;font-weight:600;font-size:.95rem;color:var(--text)}
.legend{margin-left:52px;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;font-size:.85rem}
.legend svg{vertical-align:-1px}
.plot{display:flex}
.plot svg{display:block;min-width:0;flex:1 1 auto;overflow:visible}
.plot svg.scale{flex:none}
svg text{font-size:12px;fill:var(--soft);font-variant-numeric:tabular-nums}
.grid{stroke:var(--line)}
.base{stroke:var(--soft)}
.s1{fill:var(--a)}
.s2{fill:var(--b)}
.rest{fill:var(--line)}
.hit{fill:transparent}
g:hover>.hit{fill:var(--line);opacity:.6}
.mark line{stroke:var(--text);stroke-dasharray:3 3}
.mark text{fill:var(--text)}
.share{display:block;min-width:5rem;margin-top:.35rem}
details{margin-top:.4rem;font-size:.9rem}
summary{cursor:pointer;color:var(--soft)}
.scroll{overflow-x:auto;max-width:100%;margin-top:.4rem}
details .scroll{max-height:22rem;overflow:auto}
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--a);outline-offset:2px}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-size:.85rem;padding:0 0 .4rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;
border-bottom:1px solid var(--line)}
th{font-weight:600}
tbody th{font-weight:400;overflow-wrap:break-word;max-width:22rem;min-width:5rem}
.number{text-align:right;white-space:nowrap}
.matrix td,.matrix th{padding:.3rem .45rem;border:1px solid var(--line)}
.matrix td{text-align:right;min-width:2.6rem}
.matrix thead th{vertical-align:bottom;text-align:left}
.matrix tbody th{position:sticky;left:0;background:var(--panel);max-width:9rem;min-width:4rem;
overflow-wrap:anywhere}
.matrix .turned>span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:11rem;
overflow:hidden;display:block;line-height:1.2}
.g1{background:rgba(var(--good),.12)}.g2{background:rgba(var(--good),.24)}
.g3{background:rgba(var(--good),.36)}.g4{background:rgba(var(--good),.5)}
.w1{background:rgba(var(--bad),.12)}.w2{background:rgba(var(--bad),.24)}
.w3{background:rgba(var(--bad),.36)}.w4{background:rgba(var(--bad),.5)}
.zero{color:var(--soft)}
.example{border-top:1px solid var(--line);padding:.7rem 0}
.example .pair{gap:.4rem 1.4rem}
.example .label{margin-top:.35rem}
.example>.label:first-child{margin-top:0}
.label{font-size:.8rem;color:var(--soft);margin:0}
pre{margin:.1rem 0 0;white-space:pre-wrap;overflow-wrap:anywhere;overflow:auto;max-height:16rem;
font:.85rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.error{color:var(--text);border-left:3px solid var(--b);padding-left:.6rem}
.code{border:1px solid var(--soft);border-radius:3px;font-size:.8em;padding:0 .2em;
color:var(--soft);unicode-bidi:isolate}
.cut{font-size:.8rem;color:var(--soft);margin:.1rem 0 0}
@media (max-width:30rem){main{padding:1.2rem .6rem 3rem}section{padding:.9rem .8rem}
.tiles{grid-template-columns:repeat(auto-fill,minmax(8rem,1fr))}
svg text{font-size:11px}.dense{display:none}}
@page{margin:14mm}
@media print{body{font-size:10.5pt}main{max-width:none;padding:0}
section{border:0;border-top:1px solid var(--line);border-radius:0;padding:.8rem 0}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
details{display:none}
figure,.example,tr,.tiles div{break-inside:avoid}
.pair{grid-template-columns:1fr 1fr}
.three{grid-template-columns:1fr 1fr 1fr}
h2,h3,figcaption,caption,section>p{break-after:avoid}
pre{max-height:none;overflow:visible}
.scroll{overflow:visible}
.matrix tbody th{position:static}
.many{font-size:5.5pt}.many td,.many th{padding:1px 2px}
.many td{min-width:0}.many tbody th{min-width:0;max-width:5rem}}
]]

return M
