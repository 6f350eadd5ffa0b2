/** DuckDB's SQL as far as the editor needs it: the words of one SELECT. */

import { SQLDialect } from '@codemirror/lang-sql';

// `timestamp` and `date` are left out of the types: here they are names of columns.
export const DUCKDB = SQLDialect.define({
  keywords:
    'all and any anti array as asc asof between by case collate cross current_date current_timestamp desc distinct' +
    ' else end escape except exclude exists false filter first following from full group grouping having ilike in' +
    ' inner intersect interval is join lateral last left like limit materialized natural not null nulls of offset on or' +
    ' order outer over partition pivot preceding qualify recursive replace right rollup row rows sample select' +
    ' semi set sets similar some struct tablesample then true unbounded union unnest unpivot using values when where' +
    ' window with within',
  types: 'bigint boolean decimal double float hugeint integer map smallint time timestamptz tinyint uuid varchar',
  builtin:
    'abs approx_count_distinct arg_max arg_min avg cast coalesce concat count date_diff date_part date_trunc dense_rank' +
    ' epoch extract first_value floor greatest json_extract json_extract_string lag last_value lead least length list' +
    ' lower max median min now nullif quantile_cont rank regexp_matches round row_number split_part strftime' +
    ' string_agg substring sum time_bucket today trim try_cast upper year',
  caseInsensitiveIdentifiers: true,
  doubleDollarQuotedStrings: true,
});
