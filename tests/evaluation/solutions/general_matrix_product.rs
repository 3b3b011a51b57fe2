/// Multiplies two matrices that are given row by row.
pub fn matrix_product(a: &[f64], b: &[f64], rows: u32, inner: u32, columns: u32) -> Result<Vec<f64>, String> {
    let (many, rows, inner, columns) = (10_000u64, rows as u64, inner as u64, columns as u64);
    if a.len() as u64 != rows * inner || b.len() as u64 != inner * columns {
        return Err("a list does not fit the size of its matrix".to_string());
    }
    if rows.saturating_mul(columns) > many {
        return Err(format!("the product has more than {many} numbers"));
    }
    let (inner, columns) = (inner as usize, columns as usize);
    let mut product = vec![0.0; rows as usize * columns];
    if columns == 0 {
        return Ok(product);
    }
    for (i, row) in product.chunks_exact_mut(columns).enumerate() {
        for k in 0..inner {
            let factor = a[i * inner + k];
            for (out, value) in row.iter_mut().zip(&b[k * columns..][..columns]) {
                *out += factor * value;
            }
        }
    }
    Ok(product)
}
