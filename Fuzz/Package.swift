// swift-tools-version: 6.1
import PackageDescription

// libFuzzer targets over berth's decoders, built and run by scripts/fuzz. A target is a folder Sources/Fuzz<Name> with one
// function LLVMFuzzerTestOneInput, a folder Corpus/<Name> with seeds, and its name here.
let decoders = [
    "JSON", "Configuration", "Result", "Arguments", "Netlink", "Tar", "Image", "Create", "TraceEvent", "LoggedPacket",
    "ConntrackEvent", "Pcapng", "Journey",
]

let package = Package(
    name: "Fuzz",
    dependencies: [.package(name: "berth", path: "..", traits: [])],
    targets: decoders.map {
        .executableTarget(
            name: "Fuzz\($0)",
            dependencies: [.product(name: "BerthModules", package: "berth")],
            // libFuzzer brings main(); gold does not know what the sanitizers emit.
            swiftSettings: [.swiftLanguageMode(.v6), .unsafeFlags(["-parse-as-library"])],
            linkerSettings: [.unsafeFlags(["-use-ld=lld"])])
    }
)
