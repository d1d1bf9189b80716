// The document of each event: the dataclasses of infra/release/reports/snapshot.py.

export interface Share {
  version: string;
  share: number;
  requests: number | null;
  errors: number | null;
}

export interface Series {
  version: string;
  requests: number[];
  errors: number[];
}

export interface Mark {
  minute: number;
  kind: string;
  text: string;
}

export interface Statistic {
  z: number;
  limit: number;
  fired: boolean;
  text: string;
  by_minute: (number | null)[];
}

export interface Phase {
  name: string;
  status: string;
  started: number | null;
  ended: number | null;
  message: string;
  hook: string;
}

export interface Alarm {
  name: string;
  state: string;
  since: number | null;
  reason: string;
}

export interface Past {
  started: number;
  versions: string;
  ending: string;
  reason: string;
  why: string;
  commit: string;
  by: string;
  deployment: string;
}

export interface Shown {
  name: string;
  alias: string;
  shares: Share[];
  deployment: string;
  phase: string;
  text: string;
  passed: number;
  minutes: number;
  statistic: Statistic | null;
  start: number;
  chart: { series: Series[]; marks: Mark[] };
  phases: Phase[];
  alarms: Alarm[];
  ledger: Past[];
  notes: [string, string][];
}

export interface Order {
  id: string;
  state: string;
  placed: number | null;
  fulfilled: number | null;
}

export interface Orders {
  found: Order[];
  partial: boolean;
  problem: string;
}

export interface Snapshot {
  stack: string;
  at: number;
  factor: number;
  functions: Shown[];
  problem: string;
  orders: Orders | null;
}
