// One board, drawn with Grafana's own components from what a real Prometheus answered to its queries.
//
// `/board.json` is the board as it is shipped, `/capture.json` the answers. The frames, transformations, overrides, units,
// colours and panels are Grafana's; only the grid, the rows and the filling in of variables are ours.

import { Component, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import {
  EventBusSrv, FieldConfigOptionsRegistry, FieldType, ThemeContext, applyFieldOverrides, applyNullInsertThreshold, createTheme, dateTime, displayNameOverrideProcessor,
  getDisplayValueAlignmentFactors, getFieldDisplayValues, identityOverrideProcessor, numberOverrideProcessor, renderTextPanelMarkdown,
  standardFieldConfigEditorRegistry, standardTransformers, standardTransformersRegistry, thresholdsOverrideProcessor, toDataFrame,
  transformDataFrame, unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, PanelContextProvider, Table, TimeSeries, VizRepeater } from '@grafana/ui';

const [WIDTH, ROW, GAP] = [1600, 30, 8];
const asked = new URLSearchParams(location.search);
const [board, capture] = await Promise.all(['board', 'capture'].map(async name => (await fetch(`/${name}.json`)).json()));
const theme = createTheme({ colors: { mode: asked.get('theme') ?? 'dark' } });
const timeRange = {
  from: dateTime(capture.from),
  to: dateTime(capture.to),
  raw: { from: board.time.from, to: board.time.to },
};
const timeZone = 'browser';
const eventBus = new EventBusSrv();

// --- what Grafana registers when it starts ---

const option = (id, process, isCustom = false) => ({
  id: isCustom ? `custom.${id}` : id, path: id, name: id, isCustom, process, settings: {},
  editor: () => null, override: () => null, getItemsCount: () => 0,
  // Labels and styles of axes are not for the field of time, which would show them below.
  shouldApply: field => !isCustom || field.type !== FieldType.time,
});
const standard = [
  option('unit', unitOverrideProcessor), option('min', numberOverrideProcessor), option('max', numberOverrideProcessor),
  option('decimals', numberOverrideProcessor), option('displayName', displayNameOverrideProcessor), option('color', identityOverrideProcessor),
  option('thresholds', thresholdsOverrideProcessor), option('mappings', valueMappingsOverrideProcessor), option('noValue', identityOverrideProcessor),
  option('links', identityOverrideProcessor),
];
const customs = new Set();
for (const { fieldConfig } of board.panels) {
  Object.keys(fieldConfig?.defaults?.custom ?? {}).forEach(key => customs.add(key));
  for (const { properties } of fieldConfig?.overrides ?? [])
    properties.filter(({ id }) => id.startsWith('custom.')).forEach(({ id }) => customs.add(id.slice('custom.'.length)));
}
standardFieldConfigEditorRegistry.setInit(() => standard);
const registry = new FieldConfigOptionsRegistry(() => [...standard, ...[...customs].map(id => option(id, identityOverrideProcessor, true))]);
const transformers = [...new Map(Object.values(standardTransformers).filter(item => item?.id).map(item => [item.id, item])).values()];
standardTransformersRegistry.setInit(() =>
  transformers.map(item => ({ ...item, transformation: () => Promise.resolve(item), editor: () => null, aliasIds: [], imageDark: '', imageLight: '' })));

// --- variables ---

const filled = text =>
  String(text ?? '').replace(/\$\{(\w+)(?:[:.][^}]*)?\}|\$(\w+)/g, (whole, braced, bare) => {
    const { text } = capture.variables[braced ?? bare] ?? {};
    return text === undefined ? whole : [text].flat().join(' + ');
  });

// --- answers of Prometheus as frames, as its data source makes them ---

const legend = (template, labels) => {
  if (template && template !== '__auto') return filled(template).replace(/\{\{\s*(\w+)\s*\}\}/g, (_, key) => labels[key] ?? '');
  const { __name__: name = '', ...rest } = labels;
  const pairs = Object.entries(rest).map(([key, value]) => `${key}="${value}"`);
  return name || pairs.length ? `${name}{${pairs.join(', ')}}` : 'Value';
};

function seriesOf({ answer }) {
  if (answer.resultType === 'scalar') return [{ metric: {}, value: answer.result }];
  return answer.result;
}

const number = text => (text === 'NaN' ? NaN : Number(text.replace('Inf', 'Infinity')));

function framesOf(panel) {
  const tables = (panel.targets ?? []).filter(({ format }) => format === 'table').length;
  return (panel.targets ?? []).flatMap(target => {
    const captured = capture.panels[panel.id]?.[target.refId];
    if (!captured || target.hide) return [];
    const series = seriesOf(captured);
    const { refId } = target;
    if (target.format === 'table') {
      if (series.length === 0) return [toDataFrame({ refId, fields: [] })];
      const keys = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
      const points = series.flatMap(one => (one.values ?? [one.value]).map(([at, value]) => [one.metric, at * 1000, number(value)]));
      return [toDataFrame({
        refId,
        fields: [
          { name: 'Time', type: FieldType.time, values: points.map(([, at]) => at) },
          ...keys.map(name => ({ name, type: FieldType.string, config: { filterable: true }, values: points.map(([labels]) => labels[name] ?? '') })),
          // The data source gives a letter only to one of several.
          { name: tables > 1 ? `Value #${refId}` : 'Value', type: FieldType.number, values: points.map(([, , value]) => value) },
        ],
      })];
    }
    return series.map(one => {
      const points = one.values ?? [one.value];
      const name = legend(target.legendFormat, one.metric);
      const steps = points.slice(1).map(([at], index) => at - points[index][0]);
      return toDataFrame({
        refId,
        name,
        fields: [
          { name: 'Time', type: FieldType.time, config: { interval: steps.length ? 1000 * Math.min(...steps) : undefined }, values: points.map(([at]) => at * 1000) },
          { name: 'Value', type: FieldType.number, labels: one.metric, config: { displayNameFromDS: name }, values: points.map(([, value]) => number(value)) },
        ],
      });
    });
  });
}

function useFrames(panel) {
  const [frames, setFrames] = useState(null);
  useEffect(() => {
    const subscription = transformDataFrame(panel.transformations ?? [], framesOf(panel), { interpolate: filled }).subscribe(transformed =>
      setFrames(applyFieldOverrides({
        data: transformed, fieldConfig: panel.fieldConfig, theme, timeZone, fieldConfigRegistry: registry,
        replaceVariables: filled,
      })));
    return () => subscription.unsubscribe();
  }, [panel]);
  return frames;
}

const isEmpty = frames => !frames.some(frame => frame.length > 0 && frame.fields.some(({ type }) => type !== FieldType.time));

function Nothing({ panel }) {
  return <div data-nothing style={{ display: 'grid', placeItems: 'center', height: '100%', color: theme.colors.text.secondary, textAlign: 'center' }}>
    {panel.fieldConfig?.defaults?.noValue ?? 'No data'}
  </div>;
}

// --- panels, as Grafana's own plug-ins put them together ---

const displays = (panel, data, sparkline) =>
  getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: filled, theme, data, sparkline, timeZone, timeRange,
  });

function Stat({ panel, data, width, height }) {
  const { options } = panel;
  const count = displays(panel, data, false).length;
  return <VizRepeater
    getValues={() => displays(panel, data, options.graphMode !== 'none')}
    getAlignmentFactors={getDisplayValueAlignmentFactors}
    renderValue={({ value, alignmentFactors, width, height, orientation }) =>
      <BigValue value={value.display} count={count} sparkline={value.sparkline} colorMode={options.colorMode} graphMode={options.graphMode}
        justifyMode={options.justifyMode} textMode={options.textMode} alignmentFactors={alignmentFactors} text={options.text} width={width} height={height}
        theme={theme} parentOrientation={orientation} disableWideLayout={!options.wideLayout} />}
    width={width} height={height} source={data} itemSpacing={3} renderCounter={0} autoGrid orientation={options.orientation} />;
}

function Bars({ panel, data, width, height }) {
  const { options } = panel;
  return <VizRepeater
    getValues={() => displays(panel, data, false)}
    getAlignmentFactors={getDisplayValueAlignmentFactors}
    renderValue={({ value, alignmentFactors, width, height, orientation, count }) =>
      <BarGauge value={value.display} width={width} height={height} orientation={orientation} field={value.field} text={options.text} display={value.view?.getFieldDisplayProcessor(value.colIndex)}
        theme={theme} itemSpacing={10} displayMode={options.displayMode} alignmentFactors={count > 1 ? alignmentFactors : undefined} showUnfilled={options.showUnfilled}
        valueDisplayMode={options.valueMode} namePlacement={options.namePlacement} />}
    width={width} height={height} minVizWidth={options.minVizWidth} minVizHeight={options.minVizHeight} source={data} itemSpacing={10} renderCounter={0}
    orientation={options.orientation} />;
}

function Chart({ panel, data, width, height }) {
  // As the panel does: where samples are missing there is a gap, and what is not a number is none.
  const frames = data
    .filter(frame => frame.fields.some(({ type }) => type === FieldType.number))
    .map(frame => applyNullInsertThreshold({ frame, refFieldPseudoMin: timeRange.from.valueOf(), refFieldPseudoMax: timeRange.to.valueOf() }))
    .map(frame => ({
      ...frame,
      fields: frame.fields.map(field => (field.type === FieldType.number ? { ...field, values: field.values.map(value => (Number.isFinite(value) ? value : null)) } : field)),
    }));
  return <PanelContextProvider value={{ canAddAnnotations: () => false, eventBus }}>
    <TimeSeries frames={frames} structureRev={1} timeRange={timeRange} timeZone={timeZone} width={width} height={height} legend={panel.options.legend} options={panel.options} />
  </PanelContextProvider>;
}

function Drawn({ panel, width, height }) {
  const data = useFrames(panel);
  useEffect(() => {
    if (data || panel.type === 'text') window.drawn.add(panel.id);
  }, [data, panel]);
  if (panel.type === 'text') return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: renderTextPanelMarkdown(filled(panel.options.content)) }} />;
  if (!data) return null;
  if (panel.type === 'stat') return <Stat {...{ panel, data, width, height }} />;
  if (panel.type === 'bargauge') return <Bars {...{ panel, data, width, height }} />;
  if (isEmpty(data)) return <Nothing panel={panel} />;
  if (panel.type === 'timeseries') return <Chart {...{ panel, data, width, height }} />;
  if (panel.type === 'table')
    return <Table data={data[0]} width={width} height={height} timeRange={timeRange} initialSortBy={panel.options.sortBy} showTypeIcons={false} cellHeight={panel.options.cellHeight} noHeader={!panel.options.showHeader} noValue={panel.fieldConfig?.defaults?.noValue} />;
  throw new Error(`no drawing of ${panel.type}`);
}

class Fenced extends Component {
  state = {};
  static getDerivedStateFromError(error) {
    return { error };
  }
  componentDidCatch(error) {
    console.error(`panel ${this.props.id}: ${error.stack}`);
  }
  render() {
    return this.state.error ? <pre>{String(this.state.error)}</pre> : this.props.children;
  }
}

const place = ({ x, y, w, h }) => ({
  position: 'absolute', left: (x * WIDTH) / 24 + GAP / 2, top: y * (ROW + GAP) + GAP, width: (w * WIDTH) / 24 - GAP, height: h * (ROW + GAP) - GAP,
});

function Panel({ panel }) {
  const at = place(panel.gridPos);
  if (panel.type === 'row')
    return <div data-panel={panel.id} data-type="row" style={{ ...at, display: 'flex', alignItems: 'center', ...theme.typography.h6, color: theme.colors.text.primary }}>{filled(panel.title)}</div>;
  return <div data-panel={panel.id} data-type={panel.type} style={at}>
    <Fenced id={panel.id}>
      <PanelChrome title={filled(panel.title)} width={at.width} height={at.height} displayMode={panel.transparent ? 'transparent' : 'default'} padding={panel.type === 'table' ? 'none' : 'md'}>
        {(width, height) => <Drawn panel={panel} width={width} height={height} />}
      </PanelChrome>
    </Fenced>
  </div>;
}

window.drawn = new Set();
const tall = Math.max(...board.panels.map(({ gridPos: { y, h } }) => y + h)) * (ROW + GAP) + GAP;

/** Letters are measured before they are drawn, so they have to be there first. */
function Board() {
  const [ready, setReady] = useState(false);
  useEffect(() => {
    const faces = ['400', '500', 'italic 400'].map(face => document.fonts.load(`${face} 16px Inter`));
    Promise.all(faces).then(() => setReady(true));
  }, []);
  return ready && board.panels.map(panel => <Panel key={panel.id} panel={panel} />);
}

createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <div style={{ position: 'relative', width: WIDTH, height: tall, background: theme.colors.background.canvas, color: theme.colors.text.primary, ...theme.typography.body }}>
      <Board />
    </div>
  </ThemeContext.Provider>,
);
