// {{MADE}}
//
// For those who compose their monitoring from mixins. Boards, rules and alerts are data, so that any jsonnet can read
// them. Other thresholds, another selector or another runbook: generate with `wolkvox_exporter dashboards` and import
// that.
{
  prometheusRules+:: import 'wolkvox.rules.json',
  prometheusAlerts+:: import 'wolkvox.alerts.json',
  grafanaDashboards+:: {
{{BOARDS}}  },
}
