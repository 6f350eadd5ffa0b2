"""What a statement of a user may consist of: kinds of syntax, and functions by DuckDB's names.

Lists of what is allowed, not of what is forbidden: a new version of the engine brings functions that nobody has judged.
None of these reads files, settings or the catalog, waits, or answers differently the next time.
"""

from sqlglot import exp

SYNTAX: frozenset[type[exp.Expr]] = frozenset(
    {
        # statements and their parts
        *(exp.Select, exp.Union, exp.Except, exp.Intersect, exp.Subquery, exp.With, exp.CTE, exp.Values),
        *(exp.From, exp.Join, exp.Lateral, exp.Unnest, exp.Table, exp.TableAlias, exp.Where, exp.Having, exp.Qualify),
        *(exp.Group, exp.Rollup, exp.Cube, exp.GroupingSets, exp.Distinct, exp.Order, exp.Ordered),
        *(exp.Limit, exp.LimitOptions, exp.Offset, exp.Window, exp.WindowSpec, exp.Filter, exp.IgnoreNulls),
        # names and values
        *(exp.Identifier, exp.Column, exp.Star, exp.Columns, exp.Alias, exp.Var, exp.Literal, exp.Boolean, exp.Null),
        *(exp.Tuple, exp.Array, exp.Struct, exp.Map, exp.ToMap, exp.PropertyEQ, exp.Interval, exp.DataType),
        *(exp.DataTypeParam, exp.ColumnDef, exp.Lambda, exp.Comprehension),
        # operators
        *(exp.Paren, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In),
        *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between, exp.Like, exp.ILike, exp.SimilarTo, exp.Glob, exp.Escape),
        *(exp.Any, exp.All, exp.Exists, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Pow, exp.Neg),
        *(exp.DPipe, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot, exp.BitwiseLeftShift),
        *(exp.BitwiseRightShift, exp.Bracket, exp.Slice, exp.Dot, exp.AtTimeZone, exp.JSONExtract),
        *(exp.JSONExtractScalar, exp.RegexpLike),
        # functions with a syntax of their own; all others are ``Anonymous``
        *(exp.Anonymous, exp.Case, exp.If, exp.Cast, exp.TryCast, exp.Extract, exp.Trim, exp.Substring, exp.Overlay),
        *(exp.StrPosition, exp.Max, exp.Min, exp.ArgMax, exp.ArgMin, exp.GroupConcat, exp.Ceil, exp.Floor, exp.Chr),
        *(exp.Quantile, exp.ApproxQuantile),
        *(exp.CurrentDate, exp.CurrentTimestamp, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue),
    }
)

TABLE_FUNCTIONS = frozenset({"unnest", "generate_series", "range"})

_AGGREGATES = """
any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_min array_agg avg bit_and bit_or
bit_xor bool_and bool_or corr count count_if countif covar_pop covar_samp entropy favg first fsum geomean grouping
histogram kurtosis last list listagg mad max_by mean median min_by mode product quantile_cont quantile_disc regr_avgx
regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy skewness stddev stddev_pop stddev_samp
sum var_pop var_samp variance
"""
_WINDOWS = "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number"
_TIMES = """
age century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth
dayofweek dayofyear decade epoch epoch_ms epoch_ns epoch_us era hour isodow isoyear last_day make_date make_time
make_timestamp make_timestamptz microsecond millennium millisecond minute month monthname now quarter second strftime
strptime time_bucket timezone to_days to_hours to_microseconds to_milliseconds to_minutes to_months to_seconds
to_timestamp to_weeks to_years today try_strptime week weekday weekofyear year yearweek
"""
_TEXTS = """
array_extract ascii base64 bit_length concat concat_ws contains damerau_levenshtein ends_with format format_bytes
from_base64 from_hex hamming hash hex instr jaccard jaro_similarity jaro_winkler_similarity lcase left len length
levenshtein lower lpad ltrim md5 nfc_normalize octet_length ord parse_dirname parse_filename parse_path position prefix
printf regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace
regexp_split_to_array repeat replace reverse right rpad rtrim sha1 sha256 split split_part starts_with str_split
string_split string_split_regex string_to_array strip_accents strlen strpos substr suffix to_base64 to_hex translate
ucase unhex unicode upper url_decode url_encode
"""
_NUMBERS = """
abs acos asin atan atan2 bin bit_count cbrt cos cot degrees even exp factorial gamma gcd greatest isfinite isinf isnan
lcm least lgamma ln log log10 log2 mod pi pow power radians round round_even sign sin sqrt tan trunc xor
"""
_VALUES = "coalesce columns if ifnull nullif typeof"
_NESTED = """
array_contains array_distinct array_length array_slice array_sort array_to_string cardinality element_at flatten
list_aggregate list_any_value list_append list_avg list_cat list_concat list_contains list_count list_distinct
list_element list_extract list_filter list_first list_has list_has_all list_has_any list_intersect list_last list_max
list_median list_min list_position list_prepend list_reduce list_reverse list_reverse_sort list_slice list_sort list_sum
list_transform list_unique list_value list_zip map map_concat map_contains map_entries map_extract map_from_entries
map_keys map_values row struct_extract struct_pack unnest
"""
_JSON = """
from_json json json_array json_array_length json_contains json_exists json_extract json_extract_path
json_extract_path_text json_extract_string json_group_array json_group_object json_keys json_object json_structure
json_transform json_type json_valid json_value row_to_json to_json
"""

FUNCTIONS = TABLE_FUNCTIONS | frozenset(
    " ".join((_AGGREGATES, _WINDOWS, _TIMES, _TEXTS, _NUMBERS, _VALUES, _NESTED, _JSON)).split()
)
