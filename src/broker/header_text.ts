/** How the values of attributes are written as headers, and read. */
export interface HeaderText {
  write(value: string): string;
  read(text: string): string;
}

/** As they are: brokers have UTF-8. */
export const plainText: HeaderText = { write: (value) => value, read: (text) => text };

/** As the HTTP binding of CloudEvents has them: HTTP knows only ASCII, without controls. */
export const httpText: HeaderText = {
  write: (value) => value.replace(/[^!#$&-~]/gu, (char) => encodeURIComponent(char)),
  read(text) {
    const quoted = /^"(.*)"$/s.exec(text)?.[1]?.replace(/\\(.)/gs, "$1");
    try {
      return decodeURIComponent(quoted ?? text);
    } catch {
      return quoted ?? text; // a sender that does not encode
    }
  },
};
