// @ts-check
/**
 * What every page has: its name, tags and links, the variables that choose what is looked at, and the order of its panels.
 */
import {
  AnnotationQueryBuilder, DashboardBuilder, DashboardCursorSync, DashboardLinkBuilder, DatasourceVariableBuilder, QueryVariableBuilder,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DATASOURCE, squeeze } from './panels.js';

const TAG = 'hybrid-exporter';

/** The pages' addresses; panels and tests know pages by these only. */
export const PAGES = /** @type {const} */ ({
  fleet: 'hybrid-fleet', host: 'hybrid-host', units: 'hybrid-units', journal: 'hybrid-journal', node: 'hybrid-node',
  cluster: 'hybrid-cluster', workload: 'hybrid-workload', exporter: 'hybrid-exporter',
});

/**
 * The address of a page about one object, with the time and the choice of data source and cluster kept.
 * @param {keyof typeof PAGES} page @param {Record<string, string>} [about] variables and their values
 */
export function to(page, about = {}) {
  const vars = Object.entries(about).map(([name, value]) => `var-${name}=${value}`);
  const kept = ['${__url_time_range}', '${datasource:queryparam}', ...('cluster' in about ? [] : ['${cluster:queryparam}'])];
  return `/d/${PAGES[page]}?${[...kept, ...vars].join('&')}`;
}

/** What a cell of this table's row says, for `to`. @param {string} column */
export const cell = (column) => `\${__data.fields["${column}"]:percentencode}`;
/** What the clicked cell says. */
export const HERE = '${__value.text:percentencode}';

/** @typedef {{ query: string, label: string, regex?: string, all?: string | true, multi?: boolean, describe: string }} Variable */

/**
 * The variables. Where a label may be absent (a plain host has no cluster, a Prometheus of one cluster no such label) "all" is
 * `.*`, which the absent label matches too. `job` has no such pattern: its "all" is every job of this exporter by name, so that
 * `up{job=~"$job"}` never speaks of others' targets.
 * @type {Record<string, Variable>}
 */
const VARIABLES = {
  cluster: {
    label: 'Cluster', query: 'label_values(hybrid_exporter_build_info, cluster)', all: '.*', multi: true,
    describe: 'Clusters; all also means machines in none.',
  },
  job: {
    label: 'Job', query: 'label_values(hybrid_exporter_build_info{cluster=~"$cluster"}, job)', all: true, multi: true,
    describe: 'Scrape jobs of this exporter, found by its build_info.',
  },
  instance: {
    label: 'Machine', query: 'label_values(node_uname_info{cluster=~"$cluster", job=~"$job"}, instance)',
    describe: 'A machine: the name of the node in Kubernetes, else what the scrape configuration calls it.',
  },
  machines: {
    label: 'Machine', query: 'label_values(hybrid_exporter_build_info{cluster=~"$cluster", job=~"$job"}, instance)', all: '.+', multi: true,
    describe: 'Machines.',
  },
  node: {
    label: 'Node', query: 'label_values(kube_node_info{cluster=~"$cluster"}, node)', describe: 'A node of Kubernetes.',
  },
  namespace: {
    label: 'Namespace', query: 'label_values(kube_namespace_status_phase{cluster=~"$cluster"}, namespace)', all: '.+', multi: true,
    describe: 'Namespaces.',
  },
  oneNamespace: {
    label: 'Namespace', query: 'label_values(kube_pod_info{cluster=~"$cluster"}, namespace)', describe: 'A namespace with pods.',
  },
};
/** Two variables are one name with two ways to choose. @type {Record<string, string>} */
const NAMES = { machines: 'instance', oneNamespace: 'namespace' };

/** @param {string} name @param {Variable} of */
function variable(name, of) {
  const builder = new QueryVariableBuilder(NAMES[name] ?? name).label(of.label).description(of.describe).datasource(DATASOURCE)
    .query({ query: squeeze(of.query), refId: 'variable', qryType: 5 }).definition(squeeze(of.query))
    .refresh(/** @type {any} */ (2)).sort(/** @type {any} */ (1)).multi(of.multi ?? false).includeAll(of.all !== undefined);
  if (typeof of.all === 'string') builder.allValue(of.all);
  if (of.all !== undefined) builder.current({ selected: true, text: ['All'], value: ['$__all'] });
  if (of.regex) builder.regex(of.regex);
  return builder;
}

/** @typedef {{ row: string } | ReturnType<typeof import('./panels.js').stat> | ReturnType<typeof import('./panels.js').graph>
 *   | ReturnType<typeof import('./panels.js').table> | ReturnType<typeof import('./panels.js').states>} Item */

/**
 * @param {keyof typeof PAGES} name
 * @param {{ title: string, about: string, variables: (string | [string, Variable])[], panels: Item[], from?: string,
 *   events?: { name: string, expr: string, text: string, color: string }[] }} of
 */
export function page(name, of) {
  const dashboard = new DashboardBuilder(`Hybrid / ${of.title}`).uid(PAGES[name]).description(of.about).tags([TAG]).readonly()
    .tooltip(DashboardCursorSync.Crosshair).refresh('30s').time({ from: of.from ?? 'now-1h', to: 'now' }).timezone('browser')
    .link(new DashboardLinkBuilder('Pages').type(/** @type {any} */ ('dashboards')).tags([TAG]).includeVars(true).keepTime(true)
      .asDropdown(false).icon('external link').tooltip('The same time and choice on another page'))
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));
  for (const wanted of of.variables) {
    const [variableName, variableOf] = typeof wanted === 'string' ? [wanted, VARIABLES[wanted]] : wanted;
    dashboard.withVariable(variable(variableName, variableOf));
  }
  for (const event of of.events ?? []) {
    dashboard.annotation(new AnnotationQueryBuilder().name(event.name).datasource(DATASOURCE).enable(true).iconColor(event.color)
      .expr(squeeze(event.expr)).titleFormat(event.name).textFormat(event.text).step('30s'));
  }
  for (const item of of.panels) {
    if ('row' in item) dashboard.withRow(new RowBuilder(item.row));
    else dashboard.withPanel(item);
  }
  const built = dashboard.build();
  // As buttons below the title, where a hurried eye finds them.
  (built.links ?? []).forEach((link) => { delete link.placement; });
  (built.panels ?? []).forEach((panel, index) => { panel.id = index + 1; });
  return built;
}
