// The only rule (type "JavaScript") of the filter of every destination that sends claims on.
return channelMap.get('scrubberDisposition') == 'pass';
