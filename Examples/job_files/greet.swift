// The job file of the README.
import JobReactor

job("greet") { args in
    args["greeting"] = "Hello, \(args["name"]?.string ?? "world")"
}

jobCallback("greet") { args in
    print(args["greeting"]?.string ?? "")
}

jobErrback("greet") { args in
    print("greet failed: \(args["error"]?.string ?? "")")
}
