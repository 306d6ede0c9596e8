# Writes statistics.csv: what R says about its own dataset `lung` (package survival), for tests/reference/test_statistics.py.
# Debian 12: apt-get install r-base-core r-cran-survival r-cran-maxstat r-cran-vcd r-cran-e1071
# Run: Rscript tests/reference/r/statistics.R > tests/reference/r/statistics.csv
suppressMessages({library(survival); library(maxstat); library(vcd); library(e1071)})
put <- function(name, value) cat(sprintf("%s,%s\n", name, format(as.numeric(value), digits = 15)))
cat("name,value\n")
male <- lung$sex == 1
died <- lung$status == 2

# Groups -------------------------------------------------------------------------------------------------------------
put("shapiro.age.p", shapiro.test(lung$age)$p.value)
t <- t.test(lung$age[1:40], lung$age[41:90])
for (n in c("statistic", "p.value")) put(paste0("welch.", n), t[[n]])
put("welch.low", t$conf.int[1]); put("welch.high", t$conf.int[2])
w <- wilcox.test(lung$meal.cal[male], lung$meal.cal[!male], exact = FALSE)
put("wilcoxon.tied.statistic", w$statistic); put("wilcoxon.tied.p.value", w$p.value)
x <- c(1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30, 40.1)
y <- c(0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.061, 3.14, 1.291, 51.2, 0.3)
w <- wilcox.test(x, y, conf.int = TRUE)
put("wilcoxon.exact.statistic", w$statistic); put("wilcoxon.exact.p.value", w$p.value)
put("wilcoxon.exact.shift", w$estimate); put("wilcoxon.exact.low", w$conf.int[1]); put("wilcoxon.exact.high", w$conf.int[2])
k <- kruskal.test(meal.cal ~ factor(ph.ecog), data = subset(lung, ph.ecog < 3))
put("kruskal.statistic", k$statistic); put("kruskal.p.value", k$p.value)

# Spearman and the false discovery rate ------------------------------------------------------------------------------
columns <- c("age", "ph.karno", "pat.karno", "meal.cal", "wt.loss")
pairs <- combn(columns, 2)
rho <- p <- numeric(ncol(pairs))
for (i in seq_len(ncol(pairs))) {
  test <- cor.test(lung[[pairs[1, i]]], lung[[pairs[2, i]]], method = "spearman", exact = FALSE)
  rho[i] <- test$estimate; p[i] <- test$p.value
}
q <- p.adjust(p, "BH")
for (i in seq_len(ncol(pairs))) {
  name <- paste0("spearman.", pairs[1, i], ".", pairs[2, i], ".")
  put(paste0(name, "rho"), rho[i]); put(paste0(name, "p"), p[i]); put(paste0(name, "q"), q[i])
}

# Agreement ----------------------------------------------------------------------------------------------------------
one <- lung$ph.karno >= 80; other <- lung$pat.karno >= 80
both <- !is.na(one) & !is.na(other)
table <- table(one[both], other[both])
kappa <- Kappa(table)
put("kappa", kappa$Unweighted["value"]); put("kappa.ase", kappa$Unweighted["ASE"])
put("ari", classAgreement(table)$crand)

# Survival -----------------------------------------------------------------------------------------------------------
d <- survdiff(Surv(time, status) ~ sex, data = lung)
put("logrank.chisq", d$chisq); put("logrank.p", pchisq(d$chisq, 1, lower.tail = FALSE))
d3 <- survdiff(Surv(time, status) ~ factor(ph.ecog), data = subset(lung, ph.ecog < 3))
put("logrank3.chisq", d3$chisq); put("logrank3.p", pchisq(d3$chisq, 2, lower.tail = FALSE))
for (sex in 1:2) {
  km <- survfit(Surv(time, status) ~ 1, data = lung[lung$sex == sex, ], conf.type = "log-log")
  s <- summary(km, times = c(180, 365, 540))
  for (i in 1:3) for (n in c("surv", "lower", "upper", "n.risk")) put(sprintf("km.%d.%d.%s", sex, s$time[i], n), s[[n]][i])
  m <- summary(km)$table
  put(sprintf("km.%d.median", sex), m["median"])
}
for (column in c("age", "sex", "ph.ecog", "wt.loss", "meal.cal")) {
  fit <- summary(coxph(as.formula(paste("Surv(time, status) ~", column)), data = lung))
  name <- paste0("cox.", column, ".")
  put(paste0(name, "hr"), fit$coefficients[1, "exp(coef)"]); put(paste0(name, "p"), fit$coefficients[1, "Pr(>|z|)"])
  put(paste0(name, "low"), fit$conf.int[1, "lower .95"]); put(paste0(name, "high"), fit$conf.int[1, "upper .95"])
  put(paste0(name, "n"), fit$n); put(paste0(name, "events"), fit$nevent)
}
sd1 <- function(v) (v - mean(v)) / sd(v)
whole <- lung[complete.cases(lung[, c("age", "ph.karno", "meal.cal")]), ]
for (column in c("age", "ph.karno", "meal.cal")) {
  data <- data.frame(time = whole$time, died = whole$status == 2, x = whole[[column]])
  m <- maxstat.test(Surv(time, died) ~ x, data = data, smethod = "LogRank", pmethod = "Lau94", minprop = 0.1, maxprop = 0.9)
  put(paste0("maxstat.", column, ".cut"), m$estimate); put(paste0("maxstat.", column, ".statistic"), m$statistic)
  put(paste0("maxstat.", column, ".p"), m$p.value)
  m <- maxstat.test(Surv(time, died) ~ x, data = data, smethod = "LogRank", pmethod = "Lau92", minprop = 0.1, maxprop = 0.9)
  put(paste0("maxstat.", column, ".p92"), m$p.value)
}
for (package in c("survival", "maxstat", "vcd", "e1071"))
  cat(sprintf("# %s %s\n", package, packageVersion(package)), file = stderr())
cat("#", R.version.string, "\n", file = stderr())
