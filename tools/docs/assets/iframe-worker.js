// SPDX-License-Identifier: MIT
// Browsers run no workers for pages that were opened from a file. There the search of the manual
// runs in a hidden frame instead. The class has the name for which the script of the search looks.

if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor (url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.loaded = new Promise(resolve => { this.frame.onload = resolve; }).then(() => {
        this.frame.contentWindow.postMessage = data => this.receive(data);
      });
      this.frame.srcdoc = `<body><script>
        function load (url) {
          return new Promise((resolve, reject) => {
            const script = document.createElement("script");
            Object.assign(script, { src: url, onload: resolve, onerror: reject });
            document.body.append(script);
          });
        }
        importScripts = (...urls) => urls.reduce((before, url) => before.then(() => load(url)),
          Promise.resolve());
      </script><script src="${url}"></script>`;
      document.body.append(this.frame);
    }

    receive (data) {
      this.dispatchEvent(new MessageEvent("message", { data }));
    }

    postMessage (data) {
      this.loaded.then(() => {
        this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
      });
    }

    terminate () {
      this.frame.remove();
    }
  };
  window.Worker = window.IFrameWorker;
}
