/**
 * Ask the scrubber's HTTP door about one 837P message (Mirth Connect, Open Integration Engine; Rhino 1.7.13 or later).
 *
 * A code template (type "Function", context "Source Filter/Transformer").  It reads from the configuration map:
 *   scrubberUrl        where POST /v1/scrub is, for example http://127.0.0.1:8837/v1/scrub
 *   scrubberToken      the bearer token, if the door asks for one
 *   scrubberCharset    the character encoding of the source connector; default ISO-8859-1, which any byte survives
 *   scrubberTimeoutMs  milliseconds to wait for the connection and then for the answer; default 60000
 *
 * It throws an Error for everything but a complete answer about these very bytes, so that the message becomes an error and
 * no destination sees it.  Neither the errors nor the summary hold claim data.
 *
 * @param {String} rawData - the message as received: connectorMessage.getRawData()
 * @return {Object} disposition ("pass" where every claim is accepted, else "hold"), summary, report (JSON, as text)
 */
function scrubClaims(rawData) {
    function setting(name, otherwise) {
        var value = configurationMap.get(name);
        return value == null || String(value) === '' ? otherwise : String(value);
    }

    function encode(text, charset) {
        // An encoder made this way refuses what the charset does not have, where getBytes() would put question marks.
        var encoder = java.nio.charset.Charset.forName(charset).newEncoder();
        var buffer = encoder.encode(java.nio.CharBuffer.wrap(new java.lang.String(text)));
        return java.util.Arrays.copyOf(buffer.array(), buffer.limit());
    }

    function digest(bytes) {
        var sum = java.security.MessageDigest.getInstance('SHA-256').digest(bytes);
        var hex = String(new java.math.BigInteger(1, sum).toString(16));
        while (hex.length < 64) {
            hex = '0' + hex;
        }
        return hex;
    }

    function readText(stream) {
        if (stream == null) {
            return '';
        }
        var chunk = java.lang.reflect.Array.newInstance(java.lang.Byte.TYPE, 65536);
        var whole = new java.io.ByteArrayOutputStream();
        try {
            for (var count = stream.read(chunk); count !== -1; count = stream.read(chunk)) {
                whole.write(chunk, 0, count);
            }
        } finally {
            stream.close();
        }
        return String(whole.toString('UTF-8'));
    }

    function post(bytes) {
        var connection = new java.net.URL(setting('scrubberUrl')).openConnection();
        var milliseconds = Number(setting('scrubberTimeoutMs', '60000'));
        connection.setConnectTimeout(milliseconds);
        connection.setReadTimeout(milliseconds);
        // Claims go where the configuration says and nowhere else.
        connection.setInstanceFollowRedirects(false);
        connection.setRequestMethod('POST');
        connection.setRequestProperty('Content-Type', 'application/edi-x12');
        connection.setRequestProperty('Accept', 'application/json, application/problem+json');
        var token = setting('scrubberToken', null);
        if (token !== null) {
            connection.setRequestProperty('Authorization', 'Bearer ' + token);
        }
        connection.setDoOutput(true);
        try {
            var out = connection.getOutputStream();
            try {
                out.write(bytes);
            } finally {
                out.close();
            }
            var status = Number(connection.getResponseCode());
            var stream = status < 400 ? connection.getInputStream() : connection.getErrorStream();
            return {
                status: status,
                accepted: connection.getHeaderField('X-Scrubber-Accepted'),
                rejected: connection.getHeaderField('X-Scrubber-Rejected'),
                exitCode: connection.getHeaderField('X-Scrubber-Exit-Code'),
                text: readText(stream)
            };
        } finally {
            connection.disconnect();
        }
    }

    function refuse(reason) {
        throw new Error('Not scrubbed, so not sent: ' + reason);
    }

    function titleOf(text) {
        try {
            var problem = JSON.parse(text);
            return problem !== null && typeof problem.title === 'string' ? ' (' + problem.title.substring(0, 200) + ')' : '';
        } catch (notJson) {
            return ''; // a proxy's page, say; the status alone is named
        }
    }

    function readReport(text) {
        try {
            return JSON.parse(text);
        } catch (notJson) {
            return refuse('the answer is not JSON');
        }
    }

    function isCount(value) {
        return typeof value === 'number' && value >= 0;
    }

    function differs(header, count) {
        // A proxy may drop headers; the report is what counts.
        return header !== null && Number(String(header)) !== count;
    }

    function errorCodes(file) {
        var seen = {};
        file.claims.concat([file]).forEach(function (part) {
            part.findings.forEach(function (finding) {
                if (finding.severity === 'error') {
                    seen[finding.code] = true;
                }
            });
        });
        return Object.keys(seen).sort().join(', ');
    }

    if (setting('scrubberUrl', null) === null) {
        refuse('the configuration map has no scrubberUrl');
    }
    var bytes, answer;
    try {
        bytes = encode(rawData, setting('scrubberCharset', 'ISO-8859-1'));
    } catch (error) {
        refuse('the message cannot be turned back into bytes, see scrubberCharset');
    }
    try {
        answer = post(bytes);
    } catch (error) {
        refuse('no answer from the scrubber (' + (error.javaException ? error.javaException.getClass().getName() : error.name) + ')');
    }
    if (answer.status !== 200) {
        refuse('the scrubber answered ' + answer.status + titleOf(answer.text));
    }
    var report = readReport(answer.text);
    if (report === null || report.schema !== 2 || !Array.isArray(report.files) || report.files.length !== 1) {
        refuse('the answer is no report of schema version 2 on one file');
    }
    var file = report.files[0];
    if (file.readable !== true) {
        refuse('the message could not be judged as a whole (' + errorCodes(file) + ')');
    }
    if (file.sha256 !== digest(bytes)) {
        refuse('the report is about other bytes');
    }
    var totals = file.totals;
    if (!isCount(totals.claims) || !isCount(totals.accepted) || !isCount(totals.rejected)) {
        refuse('the report has no totals');
    }
    if (totals.claims === 0 || totals.accepted + totals.rejected !== totals.claims) {
        refuse('the report accounts for ' + (totals.accepted + totals.rejected) + ' of ' + totals.claims + ' claims');
    }
    if (differs(answer.accepted, totals.accepted) || differs(answer.rejected, totals.rejected)) {
        refuse('the counts in the header are not those of the report');
    }
    var objection = null;
    if (totals.rejected > 0) {
        objection = totals.rejected + ' of ' + totals.claims + ' claims rejected (' + errorCodes(file) + ')';
    } else if (errorCodes(file)) {
        objection = 'every claim is accepted, but the file has errors (' + errorCodes(file) + ')';
    } else if (differs(answer.exitCode, 0)) {
        objection = 'every claim is accepted, but with findings that count as errors here (fail-on)';
    }
    return {
        disposition: objection === null ? 'pass' : 'hold',
        summary: objection === null ? totals.claims + ' claims accepted' : objection,
        report: answer.text
    };
}
