#if Daemon
    import Containers
    import Glibc
    import JSON
    import NetCore

    /// What `GET /version` and `GET /info` tell of this host.
    enum HostFacts {
        static var version: JSONObject {
            let names = Self.names
            let details: JSONObject = [
                "ApiVersion": "1.\(Service.newest)", "Arch": .string(architecture), "BuildTime": "",
                "Experimental": "false", "GitCommit": "", "GoVersion": "", "KernelVersion": .string(names.release),
                "MinAPIVersion": "1.\(Service.oldest)", "Os": "linux",
            ]
            return [
                "Platform": ["Name": "berth"],
                "Components": [["Name": "Engine", "Version": .string(Service.version), "Details": .object(details)]],
                "Version": .string(Service.version), "ApiVersion": "1.\(Service.newest)",
                "MinAPIVersion": "1.\(Service.oldest)", "GitCommit": "", "GoVersion": "", "Os": "linux",
                "Arch": .string(architecture), "KernelVersion": .string(names.release), "BuildTime": "",
            ]
        }

        static func info(_ model: Model) throws -> JSONObject {
            let counts = model.containers.counts()
            let names = Self.names
            let isV2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0
            let images = try model.images.images().count
            return [
                "ID": .string(Host.bootID ?? ""), "Containers": .integer(Int64(counts.all)),
                "ContainersRunning": .integer(Int64(counts.running)),
                "ContainersPaused": .integer(Int64(counts.paused)),
                "ContainersStopped": .integer(Int64(counts.stopped)), "Images": .integer(Int64(images)),
                "Driver": "overlay2", "DriverStatus": [["Supports d_type", "true"]],
                "Plugins": [
                    "Volume": ["local"], "Network": ["bridge", "host", "none"], "Authorization": .null,
                    "Log": ["json-file"],
                ],
                "MemoryLimit": true, "SwapLimit": true, "CpuCfsPeriod": true, "CpuCfsQuota": true, "CPUShares": true,
                "CPUSet": true, "PidsLimit": true, "IPv4Forwarding": true, "Debug": false, "NFd": 0,
                "OomKillDisable": .bool(!isV2), "NGoroutines": 0,
                "SystemTime": .string(UniversalTime.text(time(nil))), "LoggingDriver": "json-file",
                "CgroupDriver": "cgroupfs", "CgroupVersion": isV2 ? "2" : "1", "NEventsListener": 0,
                "KernelVersion": .string(names.release), "OperatingSystem": .string(operatingSystem), "OSVersion": "",
                "OSType": "linux", "Architecture": .string(names.machine), "IndexServerAddress": "",
                "RegistryConfig": ["InsecureRegistryCIDRs": [], "IndexConfigs": [:], "Mirrors": []],
                "NCPU": .integer(Int64(sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
                "MemTotal": .integer(Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE)))),
                "GenericResources": .null, "DockerRootDir": .string(model.home.root), "HttpProxy": "",
                "HttpsProxy": "", "NoProxy": "", "Name": .string(names.node), "Labels": [],
                "ExperimentalBuild": false, "ServerVersion": .string(Service.version),
                "Runtimes": ["berth-oci": ["path": .string("\(model.home.programs)/berth-oci")]],
                "DefaultRuntime": "berth-oci",
                "Swarm": [
                    "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "",
                    "RemoteManagers": .null,
                ],
                "LiveRestoreEnabled": true, "Isolation": "", "InitBinary": "",
                "ContainerdCommit": ["ID": ""], "RuncCommit": ["ID": ""], "InitCommit": ["ID": ""],
                "SecurityOptions": .array(
                    ["name=seccomp,profile=builtin"] + (model.containers.remap == nil ? [] : ["name=userns"])),
                "ProductLicense": "", "DefaultAddressPools": .null,
                "Warnings": .null,
            ]
        }

        private static var names: (node: String, release: String, machine: String) {
            var names = utsname()
            uname(&names)
            func text<T>(_ field: T) -> String {
                withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            }
            return (text(names.nodename), text(names.release), text(names.machine))
        }

        private static var architecture: String {
            switch names.machine {
            case "x86_64": "amd64"
            case "aarch64": "arm64"
            default: names.machine
            }
        }

        private static var operatingSystem: String {
            do throws(KernelError) {
                let text = String(decoding: try Files.read("/etc/os-release", limit: 65536), as: UTF8.self)
                for line in text.split(separator: "\n") where line.hasPrefix("PRETTY_NAME=") {
                    return line.dropFirst(12).filter { $0 != "\"" }
                }
            } catch {}
            return "Linux"
        }
    }
#endif
