// Written by `wolkvox_exporter dashboards`; do not edit.
//
// For those who compose their monitoring from mixins. Boards, rules and alerts are data, so that any jsonnet can read
// them. Other thresholds, another selector or another runbook: generate with `wolkvox_exporter dashboards` and import
// that.
{
  prometheusRules+:: import 'wolkvox.rules.json',
  prometheusAlerts+:: import 'wolkvox.alerts.json',
  grafanaDashboards+:: {
    'wolkvox-overview.json': import '../grafana/wolkvox-overview.json',
    'wolkvox-wallboard.json': import '../grafana/wolkvox-wallboard.json',
    'wolkvox-skill.json': import '../grafana/wolkvox-skill.json',
    'wolkvox-slo.json': import '../grafana/wolkvox-slo.json',
    'wolkvox-ivr.json': import '../grafana/wolkvox-ivr.json',
    'wolkvox-callbacks.json': import '../grafana/wolkvox-callbacks.json',
    'wolkvox-cost.json': import '../grafana/wolkvox-cost.json',
    'wolkvox-customers.json': import '../grafana/wolkvox-customers.json',
    'wolkvox-exporter.json': import '../grafana/wolkvox-exporter.json',
  },
}
