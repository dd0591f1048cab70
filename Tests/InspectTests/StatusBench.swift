import CNI
import JSON
import NetCore
import TestSupport

@testable import Inspect

/// A host with configured networks, and what berth tells of them.
struct StatusBench {
    let host: PrivateHost
    var environment: [String: String]

    init(_ host: PrivateHost) throws {
        self.host = host
        environment = [
            "BERTH_STATE_DIR": "\(host.scratch)/state", "BERTH_CNI_CACHE_DIR": "\(host.scratch)/cache",
            "PATH": "/usr/bin:/bin",
        ]
        for folder in ["net.d", "bin"] { try Files.makeDirectories("\(host.scratch)/\(folder)") }
    }

    @discardableResult
    func configure(
        _ network: String, version: String = "1.1.0", subnet: String = "10.20.0.0/29", plugins: String? = nil
    ) throws -> NetworkConfigurationList {
        let ipam =
            #"{"type": "host-local", "dataDir": "\#(host.scratch)/networks", "ranges": [[{"subnet": "\#(subnet)"}]]}"#
        let usual = #"""
            {"type": "bridge", "bridge": "br0", "isDefaultGateway": true, "ipMasq": true, "ipam": IPAM},
            {"type": "portmap", "capabilities": {"portMappings": true}}, {"type": "firewall"}
            """#
        let text =
            #"{"cniVersion": "\#(version)", "name": "\#(network)", "plugins": [\#((plugins ?? usual).replacing("IPAM", ipam))]}"#
        try Files.replace("\(host.scratch)/net.d/\(network).conflist", with: Array(text.utf8))
        return try NetworkConfigurationList(decoding: Array(text.utf8))
    }

    func attach(_ list: NetworkConfigurationList, _ container: String, ports: [(String, Int64)] = []) throws {
        let caller = PluginCaller(builtIn: { OwnPlugins.plugin($0) }, path: [], environment: Environment(environment))
        let mappings = ports.map {
            JSON.object(["hostPort": .integer($0.1), "containerPort": 80, "protocol": .string($0.0)])
        }
        _ = try ChainRunner(caller: caller, owner: "test", report: { _ in }).add(
            list,
            try AttachmentParameters(
                containerID: container, netns: try host.makeNamespace(container), interface: LinkName("eth0")!,
                arguments: CNIArguments(""), capabilities: ["portMappings": .array(mappings)]))
    }

    func status(_ network: String? = nil) throws -> HostStatus {
        let configured = try ConfiguredNetworks(in: "\(host.scratch)/net.d")
        return try HostStatus(
            of: LeaseDirectories(configured, dataDirectory: "\(host.scratch)/networks"), network: network,
            environment: Environment(environment))
    }

    func metrics(doctor: Bool = false) throws -> HostMetrics {
        let configured = try ConfiguredNetworks(in: "\(host.scratch)/net.d")
        return try HostMetrics(
            of: LeaseDirectories(configured, dataDirectory: "\(host.scratch)/networks"),
            environment: Environment(environment), doctor: doctor)
    }

    /// A plugin of somebody else's in CNI_PATH.
    func install(_ type: String, _ script: String) throws {
        try Files.replace("\(host.scratch)/bin/\(type)", with: Array("#!/bin/sh\n\(script)\n".utf8), mode: 0o755)
    }
}
