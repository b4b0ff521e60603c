// The only rule (type "JavaScript") of the filter of the destination that keeps what is held.
return channelMap.get('scrubberDisposition') == 'hold';
