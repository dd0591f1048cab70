#if Daemon
    import Client
    import Glibc
    import JSON
    import NetCore

    /// The running containers of this machine's engines, by the names that people know them by: berth's, Docker's, and those of
    /// podman and whoever else has conmon watch over them. Nobody is started to be asked, and nobody is told anything.
    final class HostContainers {
        struct Container {
            let id: String
            let name: String
            /// "berth", "docker", "podman" …
            let engine: String
            let pid: Int32
            /// "0.0.0.0:8080/tcp → web:80".
            var ports: [String] = []

            var namespace: String { "/proc/\(pid)/ns/net" }
        }

        /// More are not looked for.
        static let most = 256
        /// An engine that does not answer is not asked again for so many seconds.
        private static let rest = 30

        /// A container's process does not change while it runs: it is asked for once.
        private var known: [String: (container: Container, network: NetworkNamespace.Identity)] = [:]
        private var silent: [String: Int] = [:]

        /// Each once, by name.
        func running() -> [Container] {
            var found: [Container] = []
            for one in asked(HostContainers.own, "berth") + asked(HostContainers.docker, "docker") + watched()
            where !found.contains(where: { $0.id == one.id }) { found.append(one) }
            let ids = Set(found.map(\.id))
            known = known.filter { ids.contains($0.key) }
            return found.prefix(HostContainers.most).sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        }

        // MARK: engines that speak Docker's API

        /// Nil where the chosen daemon is not on this machine, or there is none.
        private static var own: Daemon? {
            guard let daemon = try? Daemon.chosen(), case .unix(let path) = daemon.endpoint, Files.exists(path) else {
                return nil
            }
            return daemon
        }

        /// Of a socket alone systemd would start dockerd as soon as it is asked: one that runs says so in its file.
        private static var docker: Daemon? {
            let place = getenv("DOCKER_HOST").map { String(cString: $0) } ?? ""
            if !place.isEmpty {
                guard let endpoint = try? Endpoint(parsing: place), case .unix = endpoint else { return nil }
                return Daemon(endpoint)
            }
            guard let text = try? Files.read("/run/docker.pid", limit: 32),
                let pid = Int32(String(decoding: text, as: UTF8.self).filter(\.isNumber)), pid > 0,
                comm(pid) == "dockerd"
            else { return nil }
            return Daemon(.unix("/run/docker.sock"))
        }

        private func asked(_ chosen: Daemon?, _ engine: String) -> [Container] {
            guard let daemon = chosen?.waiting(seconds: 2), silent[engine, default: 0] <= time(nil) else { return [] }
            do throws(ClientError) {
                let all = try daemon.json("GET", "/containers/json").array ?? []
                return all.prefix(HostContainers.most).compactMap { container(of: $0, engine, daemon) }
            } catch {
                silent[engine] = time(nil) + HostContainers.rest
                return []
            }
        }

        private func container(of json: JSON, _ engine: String, _ daemon: Daemon) -> Container? {
            guard let id = json["Id"]?.string else { return nil }
            if let before = known[id], NetworkNamespace.Identity(path: before.container.namespace) == before.network {
                return before.container
            }
            guard let name = json["Names"]?.array?.first?.string,
                let pid = try? daemon.json("GET", "/containers/\(id.pathEncoded)/json")["State"]?["Pid"]?.integer,
                let pid = Int32(exactly: pid), pid > 0
            else { return nil }
            let plain = name.hasPrefix("/") ? String(name.dropFirst()) : name
            var found = Container(id: id, name: plain, engine: engine, pid: pid)
            guard let network = NetworkNamespace.Identity(path: found.namespace) else { return nil }
            for port in json["Ports"]?.array ?? [] {
                guard let published = port["PublicPort"]?.integer, let inner = port["PrivatePort"]?.integer,
                    let address = port["IP"]?.string
                else { continue }
                let host = address.contains(":") ? "[\(address)]" : address
                found.ports.append("\(host):\(published)/\(port["Type"]?.string ?? "tcp") → \(plain):\(inner)")
            }
            known[id] = (found, network)
            return found
        }

        // MARK: engines without a daemon

        /// conmon is told its container's name and id, and where the number of the container's process is written.
        private func watched() -> [Container] {
            let pids = ((try? Files.names(in: "/proc")) ?? []).compactMap { Int32($0) }.sorted()
            return pids.filter { HostContainers.comm($0) == "conmon" }.prefix(HostContainers.most).compactMap {
                conmon in
                guard let bytes = try? Files.read("/proc/\(conmon)/cmdline", limit: 64 << 10) else { return nil }
                let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
                let value = { (names: [String]) in
                    words.firstIndex(where: names.contains).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
                }
                // An exec has a conmon of its own.
                guard !words.contains("-e"), !words.contains("--exec"), let id = value(["-c", "--cid"]),
                    let name = value(["-n", "--name"]), let file = value(["-p", "--container-pidfile"]),
                    let text = try? Files.read("/proc/\(conmon)/root\(file)", limit: 32),
                    let pid = Int32(String(decoding: text, as: UTF8.self).filter(\.isNumber)),
                    Files.exists("/proc/\(pid)")
                else { return nil }
                let engine = value(["--exit-command"])?.split(separator: "/").last.map(String.init) ?? "conmon"
                return Container(id: id, name: name, engine: engine, pid: pid)
            }
        }

        private static func comm(_ pid: Int32) -> String? {
            (try? Files.read("/proc/\(pid)/comm", limit: 64)).map {
                String(decoding: $0.filter { $0 != 0x0a }, as: UTF8.self)
            }
        }
    }
#endif
