//! 70 to 76: encodings. What the decoders accept, what they refuse, and that padding is none of their business.

mod fields;
mod lengths;
mod text;
