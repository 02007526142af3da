//! What follows the flags in the long help of each command: environment, files, exit status, examples.

/// Of the program, and of `serve`.
pub(super) const SERVE: &str = "\
ENVIRONMENT
  Every flag may be given as a variable: --web.listen-address is
  WOLKVOX_WEB_LISTEN_ADDRESS. A flag wins over its variable. Flags that only
  one command has carry its name: demo --speed is WOLKVOX_DEMO_SPEED.

  Without a configuration file, these make one operation:
    WOLKVOX_SERVER       the server number, such as 0010 (or WOLKVOX_BASE_URL)
    WOLKVOX_TOKEN        the token (or WOLKVOX_TOKEN_FILE, a file that holds it)
    WOLKVOX_TIMEZONE     the operation's IANA zone, such as America/Bogota
    WOLKVOX_OPERATION    its name; the server when not set
    WOLKVOX_CURRENCY     ISO 4217 code of the costs; optional

FILES
  wolkvox.yml            operations, targets, opening hours, reports
  data/                  the ledger and the token locks; keep it across restarts

SIGNALS
  SIGHUP                 reads the configuration again; the old one stays when
                         the new one is bad
  SIGTERM                stops reading, finishes the transaction, drains

EXIT STATUS
  0  good
  1  failure, with a line that says what and where
  2  wrong usage

EXAMPLES
  wolkvox_exporter demo --speed=60
  wolkvox_exporter check --config.file=/etc/wolkvox/wolkvox.yml
  wolkvox_exporter --config.file=/etc/wolkvox/wolkvox.yml
  WOLKVOX_SERVER=0010 WOLKVOX_TOKEN_FILE=acme.token \\
    WOLKVOX_TIMEZONE=America/Bogota wolkvox_exporter";

/// Of `demo`.
pub(super) const DEMO: &str = "\
EXIT STATUS
  0  ended by a signal
  1  failure, with a line that says what and where
  2  wrong usage

EXAMPLES
  wolkvox_exporter demo
  wolkvox_exporter demo --speed=600 --web.listen-address=127.0.0.1:0
  wolkvox_exporter demo --seed=7 --storage.path=demo-data/";

/// Of `simulate`.
pub(super) const SIMULATE: &str = "\
TRAFFIC
  lateness=none|usual|heavy and latest_seconds say how late rows and codes
  appear, withdrawn_share how many calls are shown and taken back. Further:
    skills dnis_per_skill outbound_share ivr_only_share callback_share
    callback_hours survey_share uncoded_share mean_wait_seconds

BEHAVIOUR
  What the API's documentation leaves open is a switch:
    code message bare_array empty empty_message errors_as_200 error_body
    content_type gzip chunked date_header date_skew_seconds licences
    daily_limit quota_scope rejections_spend foreign_requests simultaneous
    maintenance maintenance_hours maintenance_message day_limit over_days
    bad_date row_limit over_rows rows_per_second latency_ms time_limit_ms
    over_time unknown_report percent number average duration time_seg
    ivr_minutes billed_minutes time_min hour hour_key_day zero_hours absent
    absent_averages json_numbers trailing_space_keys upper_keys newer_names
    extra_keys shuffle_keys bom escape_unicode emoji wild_comments
    lower_status odd_statuses odd_answers order shared_bounds duplicates
    missing_rows miscounted_rows total_row dnis all_skills denominator
    waiting_is_inbound no_rows relabelled
  An unknown switch or a value that it does not take is refused.

FAULTS
  weather=SHARE spoils that share of all requests in all the usual ways.
  Every other key belongs to one fault, and all of them together make it:
    report, operation, request, times, probability     which requests
    status, body_code, message, html, body,
    content_type, close, lost, reset, cut, hang_ms,
    stall_ms, gzip, false_gzip, missing_rows           what happens to them

EXIT STATUS
  0  ended by a signal
  1  failure, with a line that says what and where
  2  wrong usage

EXAMPLES
  wolkvox_exporter simulate --speed=60
  wolkvox_exporter simulate --traffic=lateness=heavy,withdrawn_share=0.01
  wolkvox_exporter simulate --faults=weather=0.02
  wolkvox_exporter simulate --faults=report=cdr_1,status=500,times=3";

/// Of `check`.
pub(super) const CHECK: &str = "\
HEALTH
  --healthy asks a running exporter over plain HTTP and waits 5 s at most; it
  is meant for the health check of a container, where no other program is. It
  does not read the configuration. An exporter that asks for a password counts
  as well when it answers so. One that serves TLS does not answer plain HTTP:
  turn the container's health check off (docker run --no-healthcheck) and probe
  from outside.

EXIT STATUS
  0  good; with --live every operation answered; with --healthy it is healthy
  1  a mistake, an operation that does not answer, an exporter that is not well
  2  wrong usage

EXAMPLES
  wolkvox_exporter check
  wolkvox_exporter check --config.file=wolkvox.yml --web.config.file=web.yml
  wolkvox_exporter check --effective
  wolkvox_exporter check --live --storage.path=data/
  wolkvox_exporter check --healthy
  wolkvox_exporter check --healthy=http://127.0.0.1:9000/-/healthy";

/// Of `plan`.
pub(super) const PLAN: &str = "\
COLUMNS
  INTERVAL   between readings, as configured
  PLANNED    between readings, as the quota allows
  READINGS   requests a day for the present
  SEALS      requests a day that only confirm a day that has settled
  A DAY      requests a day as planned
  PAST       requests in all to read the past first (count_from)

EXIT STATUS
  0  shown, whether it fits or not
  1  failure, with a line that says what and where
  2  wrong usage

EXAMPLES
  wolkvox_exporter plan
  wolkvox_exporter plan --config.file=wolkvox.yml --skills=40 --busy=0.8";

/// Of `once`.
pub(super) const ONCE: &str = "\
EXIT STATUS
  0  everything was read
  1  something could not be read; what could be has been written
  2  wrong usage

EXAMPLES
  wolkvox_exporter once
  wolkvox_exporter once --format=openmetrics --config.file=wolkvox.yml";

/// Of `metrics`.
pub(super) const METRICS: &str = "\
EXIT STATUS
  0  written
  2  wrong usage

EXAMPLES
  wolkvox_exporter metrics
  wolkvox_exporter metrics --format=json";

/// Of `dashboards`.
pub(super) const DASHBOARDS: &str = "\
WRITES
  grafana/*.json         boards for Grafana 11 to 13, to import or provision
  rules/*.yaml           recording rules and alerts for Prometheus
  runbooks.md            what each alert means, and what to do
  alertmanager.example.yaml, prometheus.yaml, compose.yaml, provisioning/
                         how the parts are joined; examples
  mixin/                 the same boards and rules for users of jsonnet

EXIT STATUS
  0  written; each file is named on standard output
  1  a folder or file could not be written, or a threshold is unknown
  2  wrong usage

EXAMPLES
  wolkvox_exporter dashboards --out=/etc/prometheus/wolkvox
  wolkvox_exporter dashboards --selector='job=\"contact-centre\"'";

/// Of `backfill`.
pub(super) const BACKFILL: &str = "\
USE
  Prometheus keeps what it scrapes; this makes blocks of what was before. The
  counters begin with 0 at --from, so that rates and increases hold within the
  file; they do not continue the counters of a running exporter. Give --to the
  day on which the exporter began to count, and query one stretch or the other.

    wolkvox_exporter backfill --from=2026-10-01 --to=2026-11-01 --out=past.om
    promtool tsdb create-blocks-from openmetrics past.om /prometheus/data

  Totals of an hour stand at the hour's end, totals of a day (skill_6,
  diagram_3) at the day's end. Query windows longer than that: increase of a
  day needs [48h].

  Skills that no longer exist are not discovered; name them under skills.

REQUESTS
  Per day of the past: one for each row report, one for diagram_1_2, and for
  skill_6 one plus one for each skill that had calls. They count against the
  quota of the day on which they are sent; nothing is begun that does not fit
  into what is left of it. An exporter on the same --storage.path waits for its
  turn at each request.

EXIT STATUS
  0  everything was read and written
  1  failure, with a line that says what and where; no file was written
  2  wrong usage";
