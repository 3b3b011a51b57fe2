/// The volatility at which a European call has this price.
pub fn implied_volatility(price: f64, spot: f64, strike: f64, years: f64, rate: f64) -> Result<f64, String> {
    let call = |volatility: f64| {
        let spread = volatility * years.sqrt();
        let d1 = ((spot / strike).ln() + (rate + 0.5 * volatility * volatility) * years) / spread;
        spot * d1.normal_cdf() - strike * (-rate * years).exp() * (d1 - spread).normal_cdf()
    };
    let (mut low, mut high) = (0.001, 5.0);
    if !(call(low) <= price && price <= call(high)) {
        return Err("no volatility from 0.001 to 5 gives this price".to_string());
    }
    while high - low > 1e-9 {
        let middle = 0.5 * (low + high);
        if call(middle) < price {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(0.5 * (low + high))
}
