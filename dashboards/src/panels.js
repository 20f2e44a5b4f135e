// @ts-check
/**
 * The kinds of panels that the pages are made of: one number, lines, a table, a band of states. Each takes its title, what it
 * means and what to do (`help`), its unit, its queries and its size; everything else is the same on every page.
 */
import { ThresholdsConfigBuilder, FieldColorBuilder, DashboardLinkBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { PanelBuilder as StatesBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import * as common from '@grafana/grafana-foundation-sdk/common';

/** @typedef {{ title: string, help: string, w: number, h: number, unit?: string }} Base */
/** @typedef {{ value: string | number, text: string, color: string }} Mapped */
/** @typedef {[number, string][]} Steps from which value on a colour holds, rising */

export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/** Colours of states, and of nothing else. */
export const OK = 'green';
export const WARN = 'yellow';
export const BAD = 'red';
export const NONE = 'text';

/** Green, then yellow, then red. @param {number} warn @param {number} bad @returns {Steps} */
export const rising = (warn, bad) => [[warn, WARN], [bad, BAD]];
/** Anything but none is bad. @type {Steps} */
export const ANY_IS_BAD = [[1, BAD]];
/** Anything but none deserves a look. @type {Steps} */
export const ANY_IS_ODD = [[1, WARN]];

/** @param {Steps | undefined} steps @param {string} [base] */
function thresholds(steps, base) {
  const first = base ?? (steps ? OK : NONE);
  return new ThresholdsConfigBuilder()
    // @ts-ignore the first step has no value, which the SDK's type does not know.
    .mode('absolute').steps([{ value: null, color: first }, ...(steps ?? []).map(([value, color]) => ({ value, color }))]);
}

/** @param {Mapped[]} mapped */
const mapping = (mapped) => [{
  type: 'value',
  options: Object.fromEntries(mapped.map(({ value, text, color }, index) => [String(value), { text, color, index }])),
}];

/** @param {string} title @param {string} url */
const link = (title, url) => new DashboardLinkBuilder(title).url(url);

/** The `index`th reference: A, B, … @param {number} index */
const ref = (index) => String.fromCharCode(65 + index);

/** @param {string} expr @param {number} index */
const query = (expr, index) => new DataqueryBuilder().expr(squeeze(expr)).refId(ref(index)).datasource(DATASOURCE);

/** A query on one line, as it is written over several in the source. @param {string} expr */
export const squeeze = (expr) => expr.replace(/\s+/g, ' ').replace(/([([]) /g, '$1').replace(/ ([)\]])/g, '$1').trim();

/** @template {{ title: Function, description: Function, unit: Function, span: Function, height: Function, datasource: Function }} B
 * @param {B} builder @param {Base} base @returns {B} */
function framed(builder, { title, help, unit, w, h }) {
  builder.title(title).description(help).unit(unit ?? 'short').span(w).height(h).datasource(DATASOURCE);
  return builder;
}

/**
 * One number.
 * @param {Base & { expr: string, steps?: Steps, base?: string, mapped?: Mapped[], url?: string, decimals?: number, none?: string,
 *   line?: boolean }} of
 */
export function stat(of) {
  const panel = framed(new StatBuilder(), of)
    .thresholds(thresholds(of.steps, of.base))
    .colorScheme(new FieldColorBuilder().mode(/** @type {any} */ ('thresholds')))
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
    .graphMode(of.line ? common.BigValueGraphMode.Area : common.BigValueGraphMode.None)
    .colorMode(common.BigValueColorMode.Value)
    .noValue(of.none ?? 'no data');
  const target = query(of.expr, 0);
  panel.withTarget(of.line ? target.range() : target.instant());
  if (of.decimals !== undefined) panel.decimals(of.decimals);
  if (of.mapped) panel.mappings(/** @type {any} */ (mapping(of.mapped)));
  if (of.url) panel.dataLinks([link('Look', of.url)]);
  return panel;
}

/**
 * Lines over time. Each query is `[expression, legend]`.
 * @param {Base & { queries: [string, string][], stack?: boolean, max?: number, steps?: Steps, bars?: boolean,
 *   mirror?: string, dashed?: string, signed?: boolean, url?: string, none?: string, softMax?: number }} of
 */
export function graph(of) {
  const panel = framed(new GraphBuilder(), of)
    .colorScheme(new FieldColorBuilder().mode(/** @type {any} */ ('palette-classic')))
    .lineWidth(1)
    .fillOpacity(of.bars ? 80 : of.stack ? 60 : 8)
    .showPoints(common.VisibilityMode.Never)
    .spanNulls(false)
    .legend(new common.VizLegendOptionsBuilder()
      .displayMode(common.LegendDisplayMode.Table)
      .placement(of.w >= 12 ? common.LegendPlacement.Right : common.LegendPlacement.Bottom)
      .showLegend(true).calcs(['lastNotNull', 'max']).sortBy('Last *').sortDesc(true))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending))
    .noValue(of.none ?? 'no data');
  if (of.bars) panel.drawStyle(common.GraphDrawStyle.Bars).lineWidth(0);
  if (of.stack) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  if (!of.mirror && !of.signed) panel.min(0);
  if (of.max !== undefined) panel.max(of.max);
  if (of.softMax !== undefined) panel.axisSoftMax(of.softMax);
  if (of.steps) {
    panel.thresholds(thresholds(of.steps, 'transparent'))
      .thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed));
  }
  if (of.mirror) {
    panel.overrideByRegexp(of.mirror, [{ id: 'custom.transform', value: 'negative-Y' }]).axisCenteredZero(true);
  }
  if (of.dashed) {
    panel.overrideByRegexp(of.dashed, [
      { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } }, { id: 'custom.fillOpacity', value: 0 },
      { id: 'custom.stacking', value: { mode: 'none', group: 'B' } }, { id: 'custom.lineWidth', value: 2 },
    ]);
  }
  if (of.url) panel.dataLinks([link('Look', of.url)]);
  of.queries.forEach(([expr, legend], index) => panel.withTarget(query(expr, index).legendFormat(legend).range()));
  return panel;
}

/**
 * A column of a table. `from` is a label, or the reference of a query (A, B, …) for its value.
 * @typedef {{ from: string, as: string, unit?: string, width?: number, steps?: Steps, mapped?: Mapped[], url?: string,
 *   bar?: boolean, decimals?: number, max?: number }} Column
 */

/**
 * A table of what holds now: the queries' answers, merged where their labels are the same.
 * @param {Base & { queries: string[], columns: Column[], sort?: string, none?: string, asc?: boolean }} of
 */
export function table(of) {
  const panel = framed(new TableBuilder(), of)
    .cellHeight(common.TableCellHeight.Sm).showHeader(true).filterable(true)
    .colorScheme(new FieldColorBuilder().mode(/** @type {any} */ ('thresholds')))
    .thresholds(thresholds(undefined))
    .noValue(of.none ?? 'nothing');
  of.queries.forEach((expr, index) => panel.withTarget(query(expr, index).instant().format(/** @type {any} */ ('table'))));
  const several = of.queries.length > 1;
  const field = (/** @type {Column} */ column) =>
    /^[A-Z]$/.test(column.from) ? (several ? `Value #${column.from}` : 'Value') : column.from;
  const wanted = of.columns.map(field);
  if (several) panel.withTransformation({ id: 'merge', options: {} });
  // Only the columns that are named, in their order: further labels of targets do not come through.
  panel.withTransformation({ id: 'filterFieldsByName', options: { include: { names: wanted } } });
  panel.withTransformation({
    id: 'organize',
    options: {
      excludeByName: {},
      indexByName: Object.fromEntries(wanted.map((name, index) => [name, index])),
      renameByName: Object.fromEntries(of.columns.map((column, index) => [wanted[index], column.as])),
    },
  });
  if (of.sort) panel.withTransformation({ id: 'sortBy', options: { fields: {}, sort: [{ field: of.sort, desc: !of.asc }] } });
  for (const column of of.columns) {
    /** @type {{ id: string, value: any }[]} */
    const set = [{ id: 'noValue', value: '' }];
    if (column.unit) set.push({ id: 'unit', value: column.unit });
    if (column.decimals !== undefined) set.push({ id: 'decimals', value: column.decimals });
    if (column.width) set.push({ id: 'custom.width', value: column.width });
    if (column.mapped) set.push({ id: 'mappings', value: mapping(column.mapped) });
    if (column.steps) {
      set.push({ id: 'thresholds', value: { mode: 'absolute', steps: [{ color: NONE, value: null }, ...column.steps.map(([value, color]) => ({ value, color }))] } });
    }
    if (column.bar) {
      set.push({ id: 'min', value: 0 }, { id: 'max', value: column.max ?? 100 });
      set.push({ id: 'custom.cellOptions', value: { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' } });
    } else if (column.steps || column.mapped) {
      set.push({ id: 'custom.cellOptions', value: { type: 'color-text' } });
    }
    if (column.url) set.push({ id: 'links', value: [{ title: 'Look', url: column.url }] });
    panel.overrideByName(column.as, set);
  }
  return panel;
}

/**
 * States over time, a row a series.
 * @param {Base & { queries: [string, string][], mapped: Mapped[], none?: string, url?: string }} of
 */
export function states(of) {
  const panel = framed(new StatesBuilder(), of)
    .mappings(/** @type {any} */ (mapping(of.mapped)))
    .colorScheme(new FieldColorBuilder().mode(/** @type {any} */ ('thresholds')))
    .thresholds(thresholds(undefined))
    .mergeValues(true).showValue(common.VisibilityMode.Auto).rowHeight(0.85).lineWidth(0).fillOpacity(75)
    .legend(new common.VizLegendOptionsBuilder().showLegend(false).displayMode(common.LegendDisplayMode.List)
      .placement(common.LegendPlacement.Bottom).calcs([]))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Single).sort(common.SortOrder.None))
    .noValue(of.none ?? 'no data');
  if (of.url) panel.dataLinks([link('Look', of.url)]);
  of.queries.forEach(([expr, legend], index) => panel.withTarget(query(expr, index).legendFormat(legend).range()));
  return panel;
}
