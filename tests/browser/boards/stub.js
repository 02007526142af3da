export default {};
export const Editor = () => null;
export const loader = { config() {} };
