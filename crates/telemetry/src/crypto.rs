//! Which cryptography a process speaks TLS with.

use rustls::crypto::aws_lc_rs;

/// Makes aws-lc-rs the choice of everything in this process that speaks TLS. Without one, rustls
/// guesses, and panics as soon as some crate brings a second provider.
pub fn install() {
    // Fails only if there is one already, and whoever chose it came first.
    let _ = aws_lc_rs::default_provider().install_default();
}
