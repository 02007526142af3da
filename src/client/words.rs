//! What may be repeated of a server's words: those that can be about nobody.
//!
//! A message of the API is written by the vendor, but nothing says what it may quote: a caller's number, a call id, a
//! comment. So nothing is repeated but words that servers use of themselves; all others are left out, visibly.

/// Stands for whatever is left out.
const HIDDEN: &str = "[...]";

/// So many digits of a message may stay. Words between them do not matter: a telephone number can be written in pieces.
const DIGITS_MAX: usize = 2;

/// What servers say of themselves, in the languages of this one. Lower case, without accents.
const KNOWN: &str = "\
    a able access account action address addresses again all allow allowed already an and any api apis are as at \
    authentication authorization authorized available backup bad be because been before being blocked body busy by \
    call calls can cannot closed code complete connection consult contact content correct credentials daily data \
    database date dates day days denied did disabled do does down due empty end enter entered error errors exceed \
    exceeded exceeds exist exists expired failed failure few field fields file finished for forbidden format found \
    from gateway given has have header hour hours in incorrect information internal invalid ip is it its json key \
    later license limit limits list load long longer maintenance many max maximum method minimum minute minutes \
    missing month more must name needed no not now of off on only operation or out overload parameter parameters per \
    permission permissions please possible problem process progress query quota range rate received record records \
    reached recommended rejected report reports request requested requests required reset result results retry rows \
    running schedule scheduled second seconds send server service session set simultaneous size skill slow some soon \
    start status stop stopped successful support suspended system temporarily temporary than that the there this \
    time timeout to today token tokens too try type unable unauthorized unavailable under undergoing unexpected \
    unknown until update updating upgrade url use used user users valid validate value version via wait want was \
    were will window with within wolkvox work working wrong x you your zone \
    acceso actualizacion actualizando administrador ahora al alcanzado alguno algunos antes ano apagado aun autorizacion autorizada \
    autorizado base bloqueada bloqueado caducado caido campo campos cerrado clave codigo con conexion consulta \
    consultar consumo copia correcto correo credenciales cuenta cupo datos de debe del demasiadas demasiados dentro \
    denegado desde despues dia diario dias direccion disponible durante el ella en encontrado encontraron enviado es \
    espere esta estado estamos este existe exceda excedido expirado fallo favor fecha fechas fin formato fuera ha \
    habilitada habilitado hasta hay hora horas incorrecta incorrecto informacion ingrese intente intentelo interno \
    invalida invalido la las limite linea lista lo los mantenimiento maximo mas menos mes mientras minuto minutos \
    momento muchas muchos nada ninguno no nuevamente nuevo obligatorio ocurrido ocurrio ocupado operacion otra otro \
    para parametro parametros permiso permisos permitida permitidas permitido permitidos peticion peticiones por \
    problema prohibido programado puede que rango realizar recibido registro registros reinicio reporte requerido \
    requeridos respaldo respuesta se segundo segundos ser servicio servidor si sido sin sistema sobre solicitud \
    solicitudes solo son superado su supera suspendido tarde temporal temporalmente tiempo tiene tipo toda todas todo todos \
    un una usar uso usuario valida valide valido valor vencido ventana verifique y ya";

/// The words of a message that can be about nobody, in their order; the others are left out. Numbers stay when all
/// digits of the message together are too few for anybody's number.
pub(super) fn repeatable(message: &str) -> String {
    let may_count = message.chars().filter(|c| c.is_numeric()).count() <= DIGITS_MAX;
    let mut words: Vec<&str> = Vec::new();
    for word in message.split_whitespace() {
        let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
        let is_number = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit());
        let may = if is_number { may_count } else { is_known(bare) };
        words.push(if may { word } else { HIDDEN });
    }
    words.dedup_by(|word, before| *word == HIDDEN && *before == HIDDEN);
    words.join(" ")
}

/// Whether a text without its outer punctuation is made of known words only; `-`, `/` and the like may join them.
fn is_known(bare: &str) -> bool {
    bare.split(|c: char| c.is_ascii_punctuation()).all(|part| {
        let plain: String = part.chars().map(without_accent).collect();
        KNOWN.split_ascii_whitespace().any(|known| known == plain)
    })
}

/// A letter in lower case without its accent.
fn without_accent(letter: char) -> char {
    match letter.to_lowercase().next().unwrap_or(letter) {
        'á' => 'a',
        'é' => 'e',
        'í' => 'i',
        'ó' => 'o',
        'ú' | 'ü' => 'u',
        'ñ' => 'n',
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_vendors_messages_stay_whole() {
        for message in [
            "THE API YOU WANT TO CONSULT DOES NOT EXIST",
            "SOME PARAMETERS ARE REQUIRED",
            "PLEASE ENTER THE WOLKVOX-TOKEN",
            "TOKEN LIMIT EXCEEDED",
            "EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)",
            "PLEASE VALIDATE TOKEN",
            "Validate dates entered",
            "BACKUP IN PROGRESS",
            "Estamos en mantenimiento hasta las 5, intente más tarde.",
            "Límite de peticiones excedido",
        ] {
            assert_eq!(repeatable(message), message);
        }
    }

    #[test]
    fn everything_else_is_left_out() {
        for (message, shown) in [
            ("no record of 3001234567 for Maria Lopez", "no record of [...] for [...]"),
            ("call 1042.3187.1763646605.77 not found", "call [...] not found"),
            ("tel 300 123 45 67 denied", "[...] denied"),
            ("tel 30 01 23 45 67 denied", "[...] denied"),
            ("30 - 01 - 23 to 45 in 67 denied", "[...] to [...] in [...] denied"),
            ("no record of 3001234567 in 5 minutes", "no record of [...] in [...] minutes"),
            ("retry in 5 or 9 minutes", "retry in 5 or 9 minutes"),
            ("customer CC-1022 denied", "[...] denied"),
            ("token=s3cr3t is wrong", "[...] is wrong"),
            ("the user's mother is ill", "the [...] is [...]"),
            ("", ""),
        ] {
            assert_eq!(repeatable(message), shown, "{message}");
        }
    }

    /// What a vendor may write: known words, numbers in pieces of any length, and what joins them.
    fn spread_numbers() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[0-9]{1,3}",
            "[(\"*-]{0,2}[0-9]{1,2}[)\".,:]{0,2}",
            "[\u{0660}-\u{0669}\u{ff10}-\u{ff19}]{1,2}",
            proptest::sample::select(vec!["to", "in", "of", "-", "/", "call", "hasta", "Lopez"])
                .prop_map(str::to_owned),
        ];
        proptest::collection::vec((piece, "[ \t\u{a0}]{1,2}"), 0..16)
            .prop_map(|words| words.into_iter().flat_map(|(word, gap)| [word, gap]).collect())
    }

    proptest! {
        #[test]
        fn a_number_in_pieces_is_shown_in_none(message in spread_numbers()) {
            let digits = |text: &str| text.chars().filter(|c| c.is_numeric()).count();
            prop_assert!(digits(&repeatable(&message)) <= DIGITS_MAX);
        }

        #[test]
        fn what_is_shown_is_known_or_short(message in "\\PC{0,80}") {
            for word in repeatable(&message).split_whitespace().filter(|word| *word != HIDDEN) {
                let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
                prop_assert!(is_known(bare) || (bare.len() <= 2 && bare.bytes().all(|byte| byte.is_ascii_digit())));
            }
        }
    }
}
