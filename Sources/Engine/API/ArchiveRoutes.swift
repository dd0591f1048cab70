#if Daemon
    import Containers
    import JSON

    extension Route {
        static let archives: [Route] = [
            Route("HEAD", "/containers/*/archive") { call in
                let stat = try call.containers.statArchive(call.container, path: call.path())
                call.exchange.answer(200, [call.field(stat)], [])
            },
            Route("GET", "/containers/*/archive") { call in
                let (container, path) = (try call.container, try call.path())
                let stat = try call.containers.statArchive(container, path: path)
                try call.writing(type: "application/x-tar", [call.field(stat)]) { descriptor in
                    try call.containers.readArchive(container, path: path, to: descriptor)
                }
            }.long,
            Route("PUT", "/containers/*/archive") { call in
                let (container, path) = (try call.container, try call.path())
                try call.reading { descriptor in
                    try call.containers.writeArchive(
                        container, path: path, from: descriptor,
                        noOverwriteDirNonDir: call.request.flag("noOverwriteDirNonDir"))
                }
                call.exchange.answer(200)
            }.uploading,
            Route("GET", "/containers/*/export") { call in
                let container = try call.container
                try call.writing(type: "application/x-tar") { try call.containers.export(container, to: $0) }
            }.long,
        ]
    }

    extension Call {
        func path() throws(APIError) -> String {
            guard let path = request.text("path"), !path.isEmpty else {
                throw APIError(400, "query parameter path is missing: a path in the container is wanted")
            }
            return path
        }

        func field(_ stat: JSONObject) -> (String, String) {
            ("X-Docker-Container-Path-Stat", Base64.text(JSON.object(stat).bytes))
        }
    }

    enum Base64 {
        /// RFC 4648, section 4.
        static func text(_ bytes: [UInt8]) -> String {
            let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
            var text: [UInt8] = []
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let group = bytes[start..<min(start + 3, bytes.count)]
                var bits = 0
                for index in 0..<3 { bits = bits << 8 | (index < group.count ? Int(group[start + index]) : 0) }
                for index in 0..<4 {
                    text.append(index <= group.count ? alphabet[bits >> (18 - 6 * index) & 63] : UInt8(ascii: "="))
                }
            }
            return String(decoding: text, as: UTF8.self)
        }
    }
#endif
