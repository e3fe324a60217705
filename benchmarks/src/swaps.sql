-- The columns of `swaps.messages` from a file of DTCC's fourth layout, as `topologies/templates/dtcc-cumulative.yaml` makes
-- them, in ClickHouse's words. One line a column: its name, then its expression. Columns that this layout never fills are not named.
sdr: 'DTCC'
jurisdiction: 'CFTC'
asset_class: bench_class(`Asset Class`)
file_date: toDate32(replaceAll(extract(_file, '_(\\d{4}_\\d{2}_\\d{2})'), '_', '-'))
layout: 'g4'
message_id: trim(`Dissemination Identifier`)
message_number: toDecimal128OrNull(trim(`Dissemination Identifier`), 0)
original_id: trim(`Original Dissemination Identifier`)
action: trim(`Action type`)
event: `Event type`
amendment: bench_flag(`Amendment indicator`)
event_time: bench_instant(`Event timestamp`)
execution_time: bench_instant(`Execution Timestamp`)
product: coalesce(`Unique Product Identifier`, `Product name`)
product_scheme: multiIf(`Unique Product Identifier` is not null, 'UPI', `Product name` is not null, 'ISDA taxonomy', null)
product_name: `UPI FISN`
underlier_name: `UPI Underlier Name`
cleared: bench_clearing(`Cleared`)
venue: `Platform identifier`
effective_date: bench_day(`Effective Date`)
expiration_date: bench_day(`Expiration Date`)
open_ended: trim(`Expiration Date`) = '9999-12-31'
block: bench_flag(`Block trade election indicator`)
large_notional: bench_flag(`Large notional off-facility swap election indicator`)
notional_1: bench_amount(`Notional amount-Leg 1`)
notional_1_capped: bench_capped(`Notional amount-Leg 1`)
notional_currency_1: `Notional currency-Leg 1`
quantity_1: bench_amount(`Total notional quantity-Leg 1`)
quantity_unit_1: `Quantity unit of measure-Leg 1`
fixed_rate_1: bench_amount(`Fixed rate-Leg 1`)
spread_1: bench_amount(`Spread-Leg 1`)
spread_currency_1: `Spread currency-Leg 1`
spread_notation_1: `Spread notation-Leg 1`
underlier_ids_1: bench_list(`Underlier ID-Leg 1`)
day_count_1: coalesce(`Fixed rate day count convention-leg 1`, `Floating rate day count convention-leg 1`)
payment_period_1: coalesce(`Fixed rate payment frequency period-Leg 1`, `Floating rate payment frequency period-Leg 1`)
payment_multiplier_1: toInt32(if(`Fixed rate payment frequency period-Leg 1` is not null, `Fixed rate payment frequency period multiplier-Leg 1`, `Floating rate payment frequency period multiplier-Leg 1`))
reset_period_1: `Floating rate reset frequency period-leg 1`
reset_multiplier_1: toInt32(`Floating rate reset frequency period multiplier-leg 1`)
notional_2: bench_amount(`Notional amount-Leg 2`)
notional_2_capped: bench_capped(`Notional amount-Leg 2`)
notional_currency_2: `Notional currency-Leg 2`
quantity_2: bench_amount(`Total notional quantity-Leg 2`)
quantity_unit_2: `Quantity unit of measure-Leg 2`
fixed_rate_2: bench_amount(`Fixed rate-Leg 2`)
spread_2: bench_amount(`Spread-Leg 2`)
spread_currency_2: `Spread currency-Leg 2`
spread_notation_2: `Spread notation-Leg 2`
underlier_ids_2: bench_list(`Underlier ID-Leg 2`)
day_count_2: coalesce(`Fixed rate day count convention-leg 2`, `Floating rate day count convention-leg 2`)
payment_period_2: coalesce(`Fixed rate payment frequency period-Leg 2`, `Floating rate payment frequency period-Leg 2`)
payment_multiplier_2: toInt32(if(`Fixed rate payment frequency period-Leg 2` is not null, `Fixed rate payment frequency period multiplier-Leg 2`, `Floating rate payment frequency period multiplier-Leg 2`))
reset_period_2: `Floating rate reset frequency period-leg 2`
reset_multiplier_2: toInt32(`Floating rate reset frequency period multiplier-leg 2`)
underlier_id_sources: bench_list(`Underlier ID source-Leg 1`)
price: bench_amount(`Price`)
price_unit: `Price unit of measure`
price_currency: `Price currency`
price_notation: `Price notation`
option_type: `Option Type`
option_style: `Option Style`
embedded_option: `Embedded Option type`
strike_price: bench_amount(`Strike Price`)
strike_currency: `Strike price currency/currency pair`
strike_notation: `Strike price notation`
option_premium: bench_amount(`Option Premium Amount`)
option_premium_currency: `Option Premium Currency`
first_exercise_date: bench_day(`First exercise date`)
call_amount: bench_amount(`Call amount`)
call_amount_capped: bench_capped(`Call amount`)
call_currency: `Call currency`
put_amount: bench_amount(`Put amount`)
put_amount_capped: bench_capped(`Put amount`)
put_currency: `Put currency`
exchange_rate: bench_amount(`Exchange rate`)
exchange_rate_basis: `Exchange rate basis`
other_payment_types: bench_list(`Other payment type`)
other_payment_amounts: arrayMap(amount -> toDecimal128(replaceAll(amount, ',', ''), 13), bench_list(`Other payment amount`))
other_payment_currencies: bench_list(`Other payment currency`)
package: bench_flag(`Package indicator`)
package_price: bench_amount(`Package transaction price`)
package_price_currency: `Package transaction price currency`
package_price_notation: `Package transaction price notation`
package_spread: bench_amount(`Package transaction spread`)
package_spread_currency: `Package transaction spread currency`
package_spread_notation: `Package transaction spread notation`
reference_entity: `Underlying Asset Name`
index_factor: bench_amount(`Index factor`)
