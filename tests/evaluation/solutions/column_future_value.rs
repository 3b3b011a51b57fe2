/// What a savings account holds in the end.
pub fn future_value<R: Real>(principal: R, rate_percent: R, times_per_year: R, years: R) -> R {
    principal * (1.0 + rate_percent / 100.0 / times_per_year).powf(times_per_year * years)
}
