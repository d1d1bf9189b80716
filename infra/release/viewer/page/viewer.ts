// Draws each snapshot that the server sends. It keeps the newest alone, so a page left open does not grow.

import { Picture, dark, drawings } from "./charts";
import type { Alarm, Orders, Past, Phase, Share, Shown, Snapshot } from "./snapshot";

const BAD = new Set(["rolled back", "ALARM", "Failed"]);
const FINE = new Set(["promoted", "first", "OK", "Succeeded", "fulfilled"]);

function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

function time(seconds: number | null): string {
  return seconds === null ? "" : new Date(seconds * 1000).toISOString().slice(11, 19);
}

function moment(seconds: number | null): string {
  return seconds === null ? "" : new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}

function unbroken(text: string): HTMLElement {
  return element("span", { class: "unbroken" }, text);
}

function state(word: string): HTMLElement {
  return element("span", { class: BAD.has(word) ? "bad" : FINE.has(word) ? "fine" : "" }, word);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share === 0 || share === 1 ? 0 : 1)} %`;
}

function bar(shares: Share[]): HTMLElement {
  const said = shares.map((each) => `version ${each.version} ${percent(each.share)}`).join(", ");
  const parts = shares.map((each, index) => {
    const part = element("div", { class: `v${String(index % 3)}` });
    part.style.width = `${String(each.share * 100)}%`;
    return part;
  });
  return element("div", { class: "share", role: "img", "aria-label": `Traffic: ${said}` }, ...parts);
}

function legend(shares: Share[]): HTMLElement {
  const items = shares.map((each, index) => {
    const counts =
      each.requests === null ? "" : `, ${String(each.errors)} errors in ${String(each.requests)} requests`;
    const key = element("span", { class: `key v${String(index % 3)}`, "aria-hidden": "true" });
    return element("li", {}, key, `version ${each.version}: ${percent(each.share)}${counts}`);
  });
  return element("ul", { class: "legend" }, ...items);
}

function grid(name: string, heads: string[], rows: (Node | string)[][]): HTMLElement {
  if (!rows.length) return element("p", { class: "soft" }, "None.");
  const head = element("tr", {}, ...heads.map((each) => element("th", { scope: "col" }, each)));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell))));
  const whole = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  return element("div", { class: "scroll", role: "group", "aria-label": name, tabindex: "0" }, whole);
}

function table(name: string, heads: string[], rows: (Node | string)[][]): HTMLElement {
  return element("section", {}, element("h3", {}, name), grid(name, heads, rows));
}

function phases(found: Phase[]): HTMLElement {
  const rows = found.map((each) => [
    each.name,
    state(each.status),
    each.hook ? `${each.hook}${each.message ? `: ${each.message}` : ""}` : each.message,
    unbroken(time(each.started)),
    unbroken(time(each.ended)),
  ]);
  return table("Phases and hooks", ["event", "status", "hook and its answer", "began", "ended"], rows);
}

function alarms(found: Alarm[]): HTMLElement {
  const rows = found.map((each) => [each.name, state(each.state), unbroken(time(each.since)), each.reason]);
  return table("Alarms", ["alarm", "state", "since", "reason"], rows);
}

function ledger(found: Past[]): HTMLElement {
  const rows = found.map((each) => [
    unbroken(moment(each.started)),
    each.versions,
    state(each.ending),
    `${each.reason}: ${each.why}`,
    `${each.commit}, ${each.by}`,
    each.deployment,
  ]);
  return table("Ledger", ["when, UTC", "versions", "outcome", "reason", "commit, who", "deployment"], rows);
}

function orders(found: Orders | null): void {
  const place = byId("orders");
  place.hidden = found === null;
  if (!found) return;
  const focused = place.contains(document.activeElement);
  const rows = found.found.map((each) => [each.id, state(each.state), unbroken(moment(each.placed)), unbroken(moment(each.fulfilled))]);
  const limits = found.partial ? "The newest of those that were read; the table has more." : "";
  const body = found.problem
    ? element("p", {}, `They cannot be read: ${found.problem}`)
    : grid("Last orders", ["order", "state", "placed, UTC", "fulfilled, UTC"], rows);
  place.replaceChildren(
    element("h2", { id: "orders-title" }, "Last orders"),
    ...(limits ? [element("p", { class: "soft" }, limits)] : []),
    body,
  );
  if (focused) place.querySelector<HTMLElement>(".scroll")?.focus({ preventScroll: true });
}

function verdict(shown: Shown): string {
  const { statistic, phase, text, passed, minutes } = shown;
  if (!shown.deployment) return "Nothing is in flight.";
  const left = phase === "canary" || phase === "top up" ? ` ${String(minutes - passed)} of ${String(minutes)} minutes left.` : "";
  const line = `${shown.deployment}, ${phase}.${left}`;
  if (!statistic) return `${line} ${text}`;
  const z = `z ${statistic.z.toFixed(2)} (limit ${String(statistic.limit)})`;
  return text.endsWith(z) ? `${line} ${text}: ${statistic.text}.` : `${line} ${z}: ${statistic.text}. ${text}`;
}

function marks(shown: Shown): HTMLElement {
  const said = shown.chart.marks.map((each) => `${(60 - each.minute).toFixed(0)} minutes ago ${each.text}`);
  return element("p", { class: "soft" }, said.length ? `Marked: ${said.join("; ")}.` : "");
}

// One function: its pictures stay, and the rest of it is made anew with each snapshot.
class FunctionView {
  readonly section = element("section", { class: "function" });
  private readonly top = element("div");
  private readonly charts = element("div", { class: "charts" });
  private readonly rest = element("div");
  private pictures: Picture[] = [];

  constructor(name: string) {
    const heading = element("h2", { id: `f-${name}` }, name);
    this.section.setAttribute("aria-labelledby", heading.id);
    this.section.append(heading, this.top, this.charts, this.rest);
  }

  show(shown: Shown): void {
    const notes = shown.notes.map(([name, text]) => element("li", {}, element("strong", {}, `${name}: `), text));
    this.top.replaceChildren(
      element("p", {}, `The alias is on ${shown.alias}.`),
      bar(shown.shares),
      legend(shown.shares),
      element("p", { class: shown.statistic?.fired ? "bad" : "" }, verdict(shown)),
      ...(notes.length ? [element("ul", {}, ...notes)] : []),
    );
    const wanted = drawings(shown);
    if (wanted.length !== this.pictures.length) {
      this.pictures = wanted.map(() => new Picture());
      this.charts.replaceChildren(...this.pictures.map((each) => each.figure));
    }
    wanted.forEach((drawing, index) => this.pictures[index]?.show(drawing, shown.chart.marks));
    const focused = this.rest.contains(document.activeElement) ? document.activeElement?.getAttribute("aria-label") : null;
    this.rest.replaceChildren(marks(shown), phases(shown.phases), alarms(shown.alarms), ledger(shown.ledger));
    if (focused) this.rest.querySelector<HTMLElement>(`[aria-label="${focused}"]`)?.focus({ preventScroll: true });
  }
}

const views = new Map<string, FunctionView>();
let last: Snapshot | undefined;
let said = "";

// The status is read aloud when it changes, so it has no time in it.
function say(snapshot: Snapshot): void {
  const flying = snapshot.functions.filter((each) => each.deployment);
  const text = flying.length
    ? flying.map((each) => `${each.name}: ${each.phase}`).join("; ")
    : `${String(snapshot.functions.length)} functions, nothing in flight`;
  const pace = snapshot.factor > 1 ? `; time runs ${String(Math.round(snapshot.factor))} times faster` : "";
  if (text + pace !== said) byId("state").textContent = said = text + pace;
}

// What a person opens the page for is at its top.
function flyingFirst(functions: Shown[]): Shown[] {
  return [...functions.filter((each) => each.deployment), ...functions.filter((each) => !each.deployment)];
}

function trouble(text: string): void {
  const problem = byId("problem");
  if (problem.textContent !== text) problem.textContent = text;
  problem.hidden = !text;
}

function show(snapshot: Snapshot): void {
  last = snapshot;
  byId("stack").textContent = snapshot.stack;
  document.title = `Strata: releases of ${snapshot.stack}`;
  const kept = snapshot.functions.length ? `What is below was read at ${time(snapshot.at)} UTC. ` : "";
  trouble(snapshot.problem && kept + snapshot.problem);
  say(snapshot);
  const main = byId("functions");
  const names = new Set(snapshot.functions.map((each) => each.name));
  for (const [name, view] of views) {
    if (!names.has(name)) {
      view.section.remove();
      views.delete(name);
    }
  }
  let next: Element = byId("orders");
  for (const each of flyingFirst(snapshot.functions).reverse()) {
    let view = views.get(each.name);
    if (!view) {
      view = new FunctionView(each.name);
      views.set(each.name, view);
    }
    // A section that stays where it is keeps the reader's focus.
    if (view.section.nextElementSibling !== next) main.insertBefore(view.section, next);
    next = view.section;
    view.show(each);
  }
  orders(snapshot.orders);
}

const events = new EventSource("/events");
events.onmessage = (event: MessageEvent<string>) => {
  show(JSON.parse(event.data) as Snapshot);
};
events.onerror = () => {
  trouble("The viewer's own server does not answer. This page tries again by itself; or type make view again.");
};
dark.addEventListener("change", () => {
  if (last) show(last);
});
