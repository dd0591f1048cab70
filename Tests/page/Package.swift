// swift-tools-version: 6.1
import PackageDescription

// The page of `berth view` in a real Chromium (make test-page): a package of its own, with no dependency, so that it is built in seconds.
let package = Package(
    name: "page-tests",
    targets: [
        .executableTarget(
            name: "page-tests", swiftSettings: [.swiftLanguageMode(.v6), .unsafeFlags(["-warnings-as-errors"])])
    ]
)
