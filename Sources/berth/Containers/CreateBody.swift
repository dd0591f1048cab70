#if Daemon
    import Client
    import Glibc
    import JSON
    import NetCore

    extension ContainerOptions {
        /// The API's body of a container that those options ask for. Throws what cannot be read, before anything is asked of the daemon.
        func body(_ words: [String], attaches: [String]) throws(ClientError) -> JSONObject {
            var config = JSONObject()
            var host = JSONObject()
            config["Image"] = .string(words[0])
            if words.count > 1 { config["Cmd"] = .array(words.dropFirst().map { .string($0) }) }
            config["Tty"] = .bool(tty)
            config["OpenStdin"] = .bool(interactive)
            config["StdinOnce"] = .bool(interactive && attaches.contains("stdin"))
            config["AttachStdin"] = .bool(attaches.contains("stdin"))
            config["AttachStdout"] = .bool(attaches.contains("stdout"))
            config["AttachStderr"] = .bool(attaches.contains("stderr"))
            host["AutoRemove"] = .bool(remove)
            if tty, let size = Terminal.size() {
                host["ConsoleSize"] = [.integer(Int64(size.rows)), .integer(Int64(size.columns))]
            }
            try process.fill(&config, &host)
            try files.fill(&config, &host)
            try rights.fill(&host)
            try resources.fill(&host)
            let endpoints = try network.fill(&config, &host)
            config["HostConfig"] = .object(host)
            config["NetworkingConfig"] = ["EndpointsConfig": .object(endpoints)]
            return config
        }
    }

    private func list(_ words: [String]) -> JSON? { words.isEmpty ? nil : .array(words.map { .string($0) }) }

    extension NetworkOptions {
        /// Gives the endpoint of the chosen network.
        func fill(_ config: inout JSONObject, _ host: inout JSONObject) throws(ClientError) -> JSONObject {
            guard link.isEmpty || ["default", "bridge"].contains(network ?? "default") else {
                throw ClientError(
                    "--link is of the standard network only", by: "--network \(network ?? "")",
                    fix: "berth network create NAME, and --network NAME on both: they find each other by name")
            }
            var exposed = JSONObject()
            var specs: [PortSpec] = []
            for text in publish { specs += try PortSpec.parse(text) }
            for spec in specs { exposed[spec.key] = .object([:]) }
            for text in expose { for key in try PortSpec.exposed(text) { exposed[key] = .object([:]) } }
            if !exposed.isEmpty { config["ExposedPorts"] = .object(exposed) }
            host["PortBindings"] = .object(specs.bindings)
            host["PublishAllPorts"] = .bool(publishAll)
            if let hostname { config["Hostname"] = .string(hostname) }
            if let domainname { config["Domainname"] = .string(domainname) }
            if let macAddress {
                guard MACAddress(macAddress) != nil else {
                    throw ClientError(
                        "--mac-address \(macAddress) is none", fix: "write six bytes, as 02:42:ac:11:00:02")
                }
                config["MacAddress"] = .string(macAddress)
            }
            host["Dns"] = list(dns)
            for server in dns where IPAddress(server) == nil {
                throw ClientError("--dns \(server) is no address", fix: "write for example --dns 192.0.2.53")
            }
            host["DnsSearch"] = list(dnsSearch)
            host["DnsOptions"] = list(dnsOption)
            for line in addHost where !line.contains(":") && !line.contains("=") {
                throw ClientError("--add-host \(line) cannot be read", fix: "write name:address")
            }
            host["ExtraHosts"] = list(addHost)
            host["Links"] = list(link)

            let name = network ?? "default"
            host["NetworkMode"] = .string(name)
            var endpoint = JSONObject()
            var addresses = JSONObject()
            if let ip { addresses["IPv4Address"] = .string(ip) }
            if let ip6 { addresses["IPv6Address"] = .string(ip6) }
            if !addresses.isEmpty { endpoint["IPAMConfig"] = .object(addresses) }
            endpoint["Aliases"] = list(alias)
            if !endpoint.isEmpty {
                guard name != "host", name != "none", !name.hasPrefix("container:") else {
                    throw ClientError(
                        "--network \(name) has no address or alias of the container's own",
                        fix: "leave --ip, --ip6 and --network-alias out, or choose another network")
                }
                return JSONObject([(name, .object(endpoint))])
            }
            return [:]
        }
    }

    extension FileOptions {
        func fill(_ config: inout JSONObject, _ host: inout JSONObject) throws(ClientError) {
            let directory =
                getcwd(nil, 0).map { text in
                    defer { free(text) }
                    return String(cString: text)
                } ?? "/"
            var binds: [String] = []
            var volumes = JSONObject()
            for text in volume {
                switch try MountSpec.volume(text, in: directory) {
                case .bind(let line): binds.append(line)
                case .anonymous(let path): volumes[path] = .object([:])
                }
            }
            host["Binds"] = list(binds)
            if !volumes.isEmpty { config["Volumes"] = .object(volumes) }
            var mounts: [JSON] = []
            for text in mount { mounts.append(try MountSpec.mount(text, in: directory)) }
            if !mounts.isEmpty { host["Mounts"] = .array(mounts) }
            var memory = JSONObject()
            for text in tmpfs {
                let (path, options) = try MountSpec.tmpfs(text)
                memory[path] = .string(options)
            }
            if !memory.isEmpty { host["Tmpfs"] = .object(memory) }
            host["VolumesFrom"] = list(volumesFrom)
            host["ReadonlyRootfs"] = .bool(readOnly)
            if let shmSize { host["ShmSize"] = .integer(try Quantity.bytes(shmSize, of: "--shm-size")) }
            if !storageOpt.isEmpty { host["StorageOpt"] = .object(try Pairs.object(storageOpt, of: "--storage-opt")) }
        }
    }

    extension ProcessOptions {
        func fill(_ config: inout JSONObject, _ host: inout JSONObject) throws(ClientError) {
            let own = { (name: String) in getenv(name).map { String(cString: $0) } }
            config["Env"] = list(try Pairs.environment(files: envFile, words: env, own: own))
            if let workdir { config["WorkingDir"] = .string(workdir) }
            if let user { config["User"] = .string(user) }
            host["GroupAdd"] = list(groupAdd)
            // An empty one takes the image's away.
            if let entrypoint { config["Entrypoint"] = [.string(entrypoint)] }
            if `init` { host["Init"] = true }
            if let restart { host["RestartPolicy"] = try Pairs.restartPolicy(restart) }
            if let stopSignal { config["StopSignal"] = .string(stopSignal) }
            if let stopTimeout { config["StopTimeout"] = .integer(stopTimeout) }
            let labels = try Pairs.object(
                try Pairs.environment(files: labelFile, words: [], own: own) + label, of: "--label")
            if !labels.isEmpty { config["Labels"] = .object(labels) }
            if logDriver != nil || !logOpt.isEmpty {
                host["LogConfig"] = [
                    "Type": .string(logDriver ?? "json-file"),
                    "Config": .object(try Pairs.object(logOpt, of: "--log-opt")),
                ]
            }
            if let health = try health { config["Healthcheck"] = .object(health) }
            if !annotation.isEmpty { host["Annotations"] = .object(try Pairs.object(annotation, of: "--annotation")) }
            if let runtime { host["Runtime"] = .string(runtime) }
        }

        private var health: JSONObject? {
            get throws(ClientError) {
                if noHealthcheck {
                    guard
                        [healthCommand, healthInterval, healthTimeout, healthStartPeriod, healthStartInterval]
                            .allSatisfy({ $0 == nil }), healthRetries == nil
                    else {
                        throw ClientError(
                            "--no-healthcheck conflicts with --health-* options", fix: "leave one of them out")
                    }
                    return ["Test": ["NONE"]]
                }
                var object = JSONObject()
                if let healthCommand { object["Test"] = ["CMD-SHELL", .string(healthCommand)] }
                for (key, text) in [
                    ("Interval", healthInterval), ("Timeout", healthTimeout), ("StartPeriod", healthStartPeriod),
                    ("StartInterval", healthStartInterval),
                ] {
                    guard let text else { continue }
                    guard let span = Quantity.duration(text) else {
                        throw ClientError("\(text) is no span of time", fix: "write for example 30s or 1m30s")
                    }
                    object[key] = .integer(span)
                }
                if let healthRetries { object["Retries"] = .integer(healthRetries) }
                return object.isEmpty ? nil : object
            }
        }
    }

    extension RightsOptions {
        func fill(_ host: inout JSONObject) throws(ClientError) {
            host["Privileged"] = .bool(privileged)
            host["CapAdd"] = list(capAdd)
            host["CapDrop"] = list(capDrop)
            var options: [String] = []
            for text in securityOpt { options.append(try Pairs.securityOption(text)) }
            host["SecurityOpt"] = list(options)
            var devices: [JSON] = []
            for text in device { devices.append(try Pairs.device(text)) }
            if !devices.isEmpty { host["Devices"] = .array(devices) }
            host["DeviceCgroupRules"] = list(deviceCgroupRule)
            if !sysctl.isEmpty { host["Sysctls"] = .object(try Pairs.object(sysctl, of: "--sysctl")) }
            if let userns { host["UsernsMode"] = .string(userns) }
            if let pid { host["PidMode"] = .string(pid) }
            if let ipc { host["IpcMode"] = .string(ipc) }
            if let uts { host["UTSMode"] = .string(uts) }
            if let cgroupns { host["CgroupnsMode"] = .string(cgroupns) }
        }
    }

    extension ResourceOptions {
        func fill(_ host: inout JSONObject) throws(ClientError) {
            if let memory { host["Memory"] = .integer(try Quantity.bytes(memory, of: "--memory")) }
            if let memorySwap {
                host["MemorySwap"] = .integer(
                    memorySwap == "-1" ? -1 : try Quantity.bytes(memorySwap, of: "--memory-swap"))
            }
            if let memoryReservation {
                host["MemoryReservation"] = .integer(try Quantity.bytes(memoryReservation, of: "--memory-reservation"))
            }
            if let memorySwappiness { host["MemorySwappiness"] = .integer(memorySwappiness) }
            if oomKillDisable { host["OomKillDisable"] = true }
            if let oomScoreAdj { host["OomScoreAdj"] = .integer(oomScoreAdj) }
            if let cpus { host["NanoCpus"] = .integer(try Quantity.nanoCPUs(cpus)) }
            if let cpuShares { host["CpuShares"] = .integer(cpuShares) }
            if let cpuQuota { host["CpuQuota"] = .integer(cpuQuota) }
            if let cpuPeriod { host["CpuPeriod"] = .integer(cpuPeriod) }
            if let cpusetCpus { host["CpusetCpus"] = .string(cpusetCpus) }
            if let cpusetMems { host["CpusetMems"] = .string(cpusetMems) }
            if let pidsLimit { host["PidsLimit"] = .integer(pidsLimit) }
            if let blkioWeight { host["BlkioWeight"] = .integer(blkioWeight) }
            if let cgroupParent { host["CgroupParent"] = .string(cgroupParent) }
            var limits: [JSON] = []
            for text in ulimit {
                let (name, soft, hard) = try Quantity.ulimit(text)
                limits.append(["Name": .string(name), "Soft": .integer(soft), "Hard": .integer(hard)])
            }
            if !limits.isEmpty { host["Ulimits"] = .array(limits) }
            for (key, option, words) in [
                ("BlkioDeviceReadBps", "--device-read-bps", deviceReadBps),
                ("BlkioDeviceWriteBps", "--device-write-bps", deviceWriteBps),
                ("BlkioDeviceReadIOps", "--device-read-iops", deviceReadIops),
                ("BlkioDeviceWriteIOps", "--device-write-iops", deviceWriteIops),
            ] where !words.isEmpty {
                var rates: [JSON] = []
                for word in words {
                    guard let colon = word.lastIndex(of: ":"), word.hasPrefix("/dev/") else {
                        throw ClientError("\(option) \(word) cannot be read", fix: "write \(option) /dev/NAME:RATE")
                    }
                    let rate = try Quantity.bytes(String(word[word.index(after: colon)...]), of: option)
                    rates.append(["Path": .string(String(word[..<colon])), "Rate": .integer(rate)])
                }
                host[key] = .array(rates)
            }
        }
    }
#endif
