// @ts-check
/**
 * Writes every dashboard into the folder that is the first argument, with its keys in order: what changed in a file is what
 * changed in a page.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import cluster from './cluster.js';
import exporter from './exporter.js';
import fleet from './fleet.js';
import host from './host.js';
import journal from './journal.js';
import node from './node.js';
import units from './units.js';
import workload from './workload.js';

/** @param {any} value @returns {any} */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

const out = process.argv[2];
if (!out) throw new Error('usage: main.js FOLDER');
for (const dashboard of [fleet, host, units, journal, node, cluster, workload, exporter]) {
  const text = `${JSON.stringify(sorted(dashboard), null, 1)}\n`;
  writeFileSync(join(out, `${String(dashboard.uid).replace(/^hybrid-/, '')}.json`), text);
}
