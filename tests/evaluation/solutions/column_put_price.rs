/// Price of a European put option by Black and Scholes.
pub fn put_price<R: Real>(spot: R, strike: R, years: R, rate: R, volatility: R) -> R {
    let spread = volatility * years.sqrt();
    let d1 = ((spot / strike).ln() + (rate + 0.5 * volatility * volatility) * years) / spread;
    strike * (-rate * years).exp() * (spread - d1).normal_cdf() - spot * (-d1).normal_cdf()
}
