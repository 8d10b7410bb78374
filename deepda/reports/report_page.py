"""The page of a report: one Jinja template, its style sheet included, no script, no link outward."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>
:root {
  --paper: #ffffff; --sheet: #f4f6f8; --ink: #1b2430; --soft: #5a6572; --line: #d5dae0;
  --accent: #0b6196; --best: #e2f1ea; --best-ink: #00563f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #151b23; --sheet: #0e1319; --ink: #e4e8ee; --soft: #a3a9b3; --line: #39424e;
    --accent: #7cc4f0; --best: #163a30; --best-ink: #8fe3c4;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--sheet); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
a { color: var(--accent); }
.layout { max-width: 84rem; margin: 0 auto; padding: 1.5rem clamp(.8rem, 3vw, 2.5rem) 4rem; }
header h1 { font-size: clamp(1.5rem, 4vw, 2.3rem); line-height: 1.2; margin: .5rem 0; }
header p { max-width: 46rem; color: var(--soft); margin: .4rem 0 1.2rem; }
.facts {
  display: grid; gap: .7rem; margin: 0 0 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(8.4rem, 1fr));
}
.facts div {
  background: var(--paper); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem;
}
.facts dt { font-size: .8rem; color: var(--soft); }
.facts dd { margin: 0; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
nav { font-size: .92rem; }
nav strong { display: block; color: var(--soft); font-weight: 600; margin-bottom: .3rem; }
nav ol { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }
nav a { text-decoration: none; display: inline-block; padding: .25rem 0; }
nav a:hover, nav a:focus { text-decoration: underline; }
section { margin-top: 2.5rem; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 .5rem; }
section > p { max-width: 46rem; margin: .3rem 0 1rem; }
.blocks {
  display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
}
figure {
  margin: 0; background: var(--paper); border: 1px solid var(--line); border-radius: .5rem;
  padding: .8rem; min-width: 0;
}
figure.wide { grid-column: 1 / -1; }
figure img { display: block; width: 100%; max-width: {{ widest }}px; height: auto; margin: 0 auto; }
figure.wide img { max-width: 100%; }
figcaption { font-size: .9rem; color: var(--soft); margin-top: .5rem; max-width: 46rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td {
  padding: .32rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line);
}
thead th {
  border-bottom: 2px solid var(--soft); vertical-align: bottom; font-weight: 600;
  white-space: normal; line-height: 1.25; min-width: 5.2rem;
}
tbody th, thead th:first-child {
  text-align: left; min-width: 0; position: sticky; left: 0; background: var(--paper);
}
td.best { font-weight: 700; background: var(--best); color: var(--best-ink); }
td.best::before { content: "★ "; font-size: .75em; }
footer {
  margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line);
  color: var(--soft); font-size: .85rem;
}
tbody th { font-weight: 500; white-space: nowrap; }
@media (max-width: 30rem) {
  figure { padding: .5rem; }
  th, td { padding: .3rem .4rem; }
}
@media (min-width: 75rem) {
  .layout { display: grid; grid-template-columns: 13rem minmax(0, 1fr); column-gap: 2.5rem; }
  .layout > * { grid-column: 2; }
  .layout > nav { grid-column: 1; grid-row: 1 / span 99; }
  nav > div { position: sticky; top: 1.5rem; max-height: 95vh; overflow-y: auto; }
  nav ol { flex-direction: column; }
}
@media print {
  :root {
    --paper: #fff; --sheet: #fff; --ink: #000; --soft: #333; --line: #bbb; --accent: #000;
    --best: #fff; --best-ink: #000;
  }
  body { font-size: 10pt; }
  .layout { display: block; max-width: none; padding: 0; }
  nav a { color: inherit; }
  .blocks { grid-template-columns: 1fr 1fr; }
  figure, table, tr, .facts div { break-inside: avoid; }
  h2 { break-after: avoid; }
  .scroll { overflow: visible; }
  .wide table { font-size: 8pt; }
}
</style>
</head>
<body>
<div class="layout">
<header>
<h1>{{ title }}</h1>
{% if summary %}<p>{{ summary }}</p>{% endif %}
{% if facts %}<dl class="facts">
{% for name, value in facts.items() %}<div><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
{% endfor %}</dl>{% endif %}
</header>
<nav aria-label="Contents"><div><strong>Contents</strong>
<ol>{% for section in sections %}
<li><a href="#{{ section.anchor }}">{{ section.title }}</a></li>{% endfor %}
</ol></div></nav>
<main>
{% for section in sections %}
<section id="{{ section.anchor }}">
<h2>{{ section.title }}</h2>
{% if section.text %}<p>{{ section.text }}</p>{% endif %}
<div class="blocks">
{% for block in section.blocks %}
{% if block.cells is defined %}
<figure class="wide">
<div class="scroll" tabindex="0"><table>
<thead><tr>{% for name in block.head %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in block.cells %}<tr><th scope="row">{{ row.name }}</th>
{%- for cell in row.cells %}<td{% if cell.best %} class="best"{% endif %}>{{ cell.text }}</td>
{%- endfor %}</tr>
{% endfor %}</tbody>
</table></div>
<figcaption>{{ block.caption }}</figcaption>
</figure>
{% else %}
<figure{% if block.wide %} class="wide"{% endif %}>
<picture>
<source media="screen and (prefers-color-scheme: dark)"
 srcset="data:image/png;base64,{{ block.dark }}">
<img src="data:image/png;base64,{{ block.light }}" width="{{ block.width }}" height="{{ block.height }}"
 alt="{{ block.alt }}">
</picture>
<figcaption>{{ block.caption }}</figcaption>
</figure>
{% endif %}
{% endfor %}
</div>
</section>
{% endfor %}
</main>
<footer>{{ footer }}</footer>
</div>
</body>
</html>
"""
