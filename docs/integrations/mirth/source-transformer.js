// The only step (type "JavaScript") of the source transformer.  Where scrubClaims throws, the message becomes an error.
var verdict = scrubClaims(connectorMessage.getRawData());
channelMap.put('scrubberDisposition', verdict.disposition);
channelMap.put('scrubberSummary', verdict.summary);
channelMap.put('scrubberReport', verdict.report);
