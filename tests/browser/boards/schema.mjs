// The JSON of every board against Grafana's own types: the classic dashboard, the options and custom fields of each kind of
// panel, and the queries. Unknown keys fail. Units are held against the list of @grafana/data.
//
//   node schema.mjs FOLDER

import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

// What Grafana reads and writes, and its types do not name.
const UNTYPED = {
  AnnotationQuery: { expr: { type: 'string' }, titleFormat: { type: 'string' }, textFormat: { type: 'string' } },
  VariableModel: { definition: { type: 'string' } },
};

const OPTIONS = { stat: 'StatOptions', timeseries: 'TimeSeriesOptions', table: 'TableOptions', bargauge: 'BarGaugeOptions', text: 'TextOptions' };
const CUSTOM = { timeseries: 'TimeSeriesCustom', table: 'TableCustom' };

const here = new URL('.', import.meta.url).pathname;
const generator = createGenerator({ path: join(here, 'types.ts'), tsconfig: join(here, 'tsconfig.json'), skipTypeCheck: true, additionalProperties: false, expose: 'all' });
const ajv = new Ajv({ allErrors: true, strict: false });
const validators = new Map();

function validator(type) {
  const schema = generator.createSchema(type);
  for (const [name, keys] of Object.entries(UNTYPED)) Object.assign(schema.definitions[name]?.properties ?? {}, keys);
  return ajv.compile(schema);
}

/** What is wrong with a value as one of `types.ts`. */
function errors(type, value) {
  if (!type) return ['no type is known for this kind of panel'];
  if (!validators.has(type)) validators.set(type, validator(type));
  const valid = validators.get(type);
  return valid(value) ? [] : valid.errors.map(({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`);
}

// The list of units wants to know the language of a browser.
Object.defineProperty(globalThis, 'navigator', { value: { language: 'en', languages: ['en'], userAgent: '' }, configurable: true });
const { getValueFormats } = createRequire(import.meta.url)('@grafana/data');
const units = new Set(getValueFormats().flatMap(({ submenu }) => submenu.map(({ value }) => value)));
const isUnit = unit => units.has(unit) || /^(currency|suffix|prefix|time|si|count|bool):./.test(unit) || unit === 'string';

const wrong = [];
const [folder] = process.argv.slice(2);
const files = readdirSync(folder).filter(name => name.endsWith('.json'));
for (const file of files) {
  const board = JSON.parse(readFileSync(join(folder, file)));
  const say = (where, found) => wrong.push(...found.map(error => `${file} ${where}: ${error}`));
  // An empty choice is how Grafana itself writes that nothing has been chosen yet; its types do not know that.
  board.templating.list.filter(({ current }) => current && Object.keys(current).length === 0).forEach(variable => delete variable.current);
  say('board', errors('ClassicDashboard', board));
  for (const panel of board.panels) {
    const where = `panel ${panel.id} ${JSON.stringify(panel.title)}`;
    if (panel.type === 'row') continue;
    say(where, errors(OPTIONS[panel.type], panel.options));
    if (panel.type in CUSTOM) say(where, errors(CUSTOM[panel.type], panel.fieldConfig.defaults.custom ?? {}));
    else if (panel.fieldConfig.defaults.custom) say(where, ['custom fields in a panel that has none']);
    for (const query of panel.targets ?? []) say(`${where} query ${query.refId}`, errors('Query', query));
    const defaults = panel.fieldConfig.defaults.unit;
    const overridden = panel.fieldConfig.overrides.flatMap(({ properties }) => properties.filter(({ id }) => id === 'unit').map(({ value }) => value));
    for (const unit of [defaults, ...overridden].filter(Boolean)) if (!isUnit(unit)) say(where, [`no unit ${unit}`]);
  }
}
if (files.length === 0) wrong.push(`no board in ${folder}`);
wrong.forEach(line => console.log(line));
console.log(`${files.length} boards held against the types of Grafana: ${wrong.length} faults`);
process.exit(wrong.length ? 1 : 0);
