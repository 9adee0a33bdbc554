/** A stop and its end say how far the log had come: whoever reads the books can tell which intents were before, and that there was none between. */
export const name = '20261121-90-2-stop-order';
export const sql = `
GRANT SELECT ON SEQUENCE events_position_seq TO purser_system;
`;
