// What a board is made of, in Grafana's own types. Their schemas are generated from here.
import type { Dashboard as Board } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type { GraphFieldConfig, TableFieldOptions } from './node_modules/@grafana/schema/dist/types/raw/common/common.gen';
import type { Options as Stat } from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type { Options as TimeSeries } from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';
import type { Options as Table } from './node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type { Options as BarGauge } from './node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type { Options as Text } from './node_modules/@grafana/schema/dist/types/raw/composable/text/panelcfg/x/types.gen';
import type { PrometheusDataQuery } from './node_modules/@grafana/schema/dist/types/raw/composable/prometheus/dataquery/x/types.gen';

export type ClassicDashboard = Board;
export type Query = PrometheusDataQuery;
export type StatOptions = Stat;
export type TimeSeriesOptions = TimeSeries;
export type TimeSeriesCustom = GraphFieldConfig;
export type TableOptions = Table;
export type TableCustom = TableFieldOptions;
export type BarGaugeOptions = BarGauge;
export type TextOptions = Text;
