// What a program finds beside the language: `bento`, `console`, `require`. It is called with the
// functions that Rust lends, and with the program and its folder.
(function (host, code, folder) {
  const loaded = Object.create(null);
  const text = (values) => Array.prototype.map.call(values, String).join(" ");
  const console = {
    log() { host.log("info", text(arguments)); },
    info() { host.log("info", text(arguments)); },
    debug() { host.log("debug", text(arguments)); },
    warn() { host.log("warn", text(arguments)); },
    error() { host.log("error", text(arguments)); },
  };

  const requireFrom = (folder) => function require(name) {
    if (name === "console") {
      return console;
    }
    const [path, folderOfIt] = host.resolve(folder, String(name));
    if (!(path in loaded)) {
      const module = { exports: {} };
      loaded[path] = module;
      try {
        const source = host.read(path);
        if (path.endsWith(".json")) {
          module.exports = JSON.parse(source);
        } else {
          const run = Function("exports", "require", "module", "__filename", "__dirname", source);
          run.call(module.exports, module.exports, requireFrom(folderOfIt), module, path, folderOfIt);
        }
      } catch (error) {
        // The next one who asks tries again.
        delete loaded[path];
        throw error;
      }
    }
    return loaded[path].exports;
  };

  globalThis.bento = host.bento;
  globalThis.console = console;
  globalThis.require = requireFrom(folder);
  // A program may end early by `return`, so it is a function; it begins in the line where it is
  // written, so that places in it are right. Nothing of this function is in its scope.
  const program = (0, eval)(`(function () {${code}\n})`);
  Object.defineProperty(globalThis, "__millrace_program", { value: program });
})
