// What Mirth Connect and OIE put around the scripts of a channel, as far as ours need it, for rhino's shell.
// Arguments: a file of cases (JSON) and the folder of the scripts.  Prints what became of each message (JSON).
// Composed as in com.mirth.connect.server.builders.JavaScriptBuilder: code templates, filter, transformer, one function.

var cases = JSON.parse(readFile(arguments[0], 'UTF-8'));
var folder = arguments[1];

// Mirth changes these in the scope that all scripts share.
String.prototype.trim = function () { return this.replace(/^\s+|\s+$/g, '').replace(/^\t+|\t+$/g, ''); };
Array.prototype.toString = function () { return JSON.stringify(this); };

function script(name) {
    return readFile(folder + '/' + name, 'UTF-8');
}

function compile(filter, transformer) {
    return new Function('connectorMessage', 'configurationMap', 'channelMap', 'phase',
        script('scrub-claims.js') +
        '\nvar msg = new String(connectorMessage.getRawData());\n' +
        'function filterRule0() {\n' + filter + '\n}\n' +
        "function doFilter() { phase[0] = 'filter'; return ((filterRule0() == true)); }\n" +
        "function doTransform() { phase[0] = 'transformer';\n" + transformer + '\n}\n' +
        'if (doFilter() == true) { doTransform(); return true; } else { return false; }');
}

var source = compile('return true;', script('source-transformer.js'));
var destinations = {send: compile(script('filter-pass.js'), ''), keep: compile(script('filter-hold.js'), '')};

function text(value) {
    return value == null ? null : String(value);
}

function process(one) {
    var configurationMap = new java.util.HashMap();
    var channelMap = new java.util.HashMap();
    var connectorMessage = {getRawData: function () { return new java.lang.String(one.raw); }};
    Object.keys(one.configuration).forEach(function (key) {
        configurationMap.put(key, new java.lang.String(one.configuration[key]));
    });
    var result = {};
    try {
        source(connectorMessage, configurationMap, channelMap, []);
    } catch (error) {
        // Mirth sets the source message to ERROR and processes no destination.
        result.error = String(error);
        return result;
    }
    Object.keys(destinations).forEach(function (name) {
        result[name] = destinations[name](connectorMessage, configurationMap, channelMap, []);
    });
    result.summary = text(channelMap.get('scrubberSummary'));
    result.report = text(channelMap.get('scrubberReport'));
    return result;
}

print(JSON.stringify(cases.map(process)));
